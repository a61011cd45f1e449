"""Short proofs, one a fault that importers of feeds are known for; ``test_never_again`` runs them.

A proof without arguments is pure; one that takes a ``World`` needs a store.
"""

import pytest

# The proofs are no test modules by name, yet their assertions should show the values.
pytest.register_assert_rewrite(
    *(f"{__name__}.{module}" for module in ("reading", "timing", "running", "tenants"))
)
