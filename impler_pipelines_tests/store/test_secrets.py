from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from impler_pipelines.errors import SecretUnreadable, SettingInvalid
from impler_pipelines.model import SourceAuth
from impler_pipelines.settings import Settings
from impler_pipelines.store.secrets import SecretBox, ensure_secret_key, secret_box

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


class TestSecretBox:
    @given(TEXT, TEXT)
    def test_opens_what_it_has_sealed(self, name: str, value: str) -> None:
        box, auth = SecretBox("key"), SourceAuth(name, value)
        assert box.open(box.seal(value), what="secret") == value
        assert box.open_auth(box.seal_auth(auth)) == auth

    def test_nothing_is_seen_from_outside(self) -> None:
        box = SecretBox("key")
        one, other = box.seal("password"), box.seal("password")
        assert one != other
        assert b"password" not in one

    @pytest.mark.parametrize("damage", ["another key", "a flipped bit", "cut off"])
    def test_what_it_can_not_open_is_named(self, damage: str) -> None:
        token = SecretBox("key").seal("hunter2")
        if damage == "a flipped bit":
            token = token[:-6] + bytes([token[-6] ^ 1]) + token[-5:]
        elif damage == "cut off":
            token = token[:-8]
        box = SecretBox("other" if damage == "another key" else "key")
        with pytest.raises(SecretUnreadable, match="URL of the destination") as error:
            box.open(token, what="URL of the destination")
        assert "hunter2" not in str(error.value)


class TestKey:
    def test_is_made_once_for_the_owner_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "home" / "secret-key"
        made = ensure_secret_key(path)
        assert len(made) >= 40
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert ensure_secret_key(path) == made
        assert list(path.parent.iterdir()) == [path]

    def test_starting_together_all_agree_on_one(self, tmp_path: Path) -> None:
        path, together = tmp_path / "secret-key", Barrier(8)

        def start(_: int) -> str:
            together.wait()
            return ensure_secret_key(path)

        with ThreadPoolExecutor(8) as pool:
            assert len(set(pool.map(start, range(8)))) == 1
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe"])
    def test_a_file_without_a_key_is_refused(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "secret-key"
        path.write_bytes(content)
        with pytest.raises(SettingInvalid, match="secret-key"):
            ensure_secret_key(path)
        assert path.read_bytes() == content

    def test_the_setting_wins(self, tmp_path: Path) -> None:
        box = secret_box(Settings(home=tmp_path, secret_key="given"))
        assert SecretBox("given").open(box.seal("x"), what="x") == "x"
        assert list(tmp_path.iterdir()) == []
