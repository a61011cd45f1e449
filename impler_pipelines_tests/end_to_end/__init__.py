"""Tests of the real processes together: nothing faked, nothing imported from inside the product."""

import pytest

# No test modules by name, yet their assertions should show the values.
pytest.register_assert_rewrite(
    *(f"{__name__}.{module}" for module in ("crashes", "running_stack", "shop", "stories"))
)
