"""An archive is read whole and in memory, or refused."""

import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile

import pytest

from hotspot import read_police_uk
from hotspot.data import archives
from hotspot.errors import ArchiveError
from tests.data.street_files import NAME, REGION, good, row, text, write

MEMBER = f"2019-01/{NAME}"
PACKERS = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress}
# Random text, so that a cut or a flipped bit hits data and not padding.
_rng = random.Random(20240229)
LARGE = text([row(i, location=f"On or near {_rng.getrandbits(256):x}") for i in range(2500)])


def zipped(members: dict, **options) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(members: dict, packer=bytes, **changes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for key, value in changes.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(data))
    return packer(out.getvalue())


def read(path):
    return read_police_uk(path, region=REGION)


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.xz", "tar.bz2"])
def test_an_archive_holds_the_same_events_as_its_folder(tmp_path, kind):
    members = {MEMBER: good(9), "2019-01/2019-01-metropolitan-outcomes.csv": b"x"}
    packed = zipped(members) if kind == "zip" else tarred(members, PACKERS[kind[3:]])
    events = read(write(tmp_path, packed, f"archive.{kind}"))
    unpacked = read(write(tmp_path / "folder", good(9)).parent)
    assert events.content_hash() == unpacked.content_hash()
    assert events.source.sha256 == unpacked.source.sha256
    assert events.report["skipped"].tolist() == ["", "not street-level"]


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".bz2"])
def test_a_packed_tar_that_is_cut_short_is_refused(tmp_path, suffix):
    packed = tarred({MEMBER: LARGE}, PACKERS[suffix])
    path = write(tmp_path, packed[: len(packed) // 2], f"archive.tar{suffix}")
    with pytest.raises(ArchiveError, match="corrupt or cut short"):
        read(path)


def test_a_tar_cut_off_between_two_members_is_refused(tmp_path):
    """Python's tarfile takes this for the end of the archive."""
    members = {MEMBER: good(9), MEMBER.replace("-01", "-02"): good(9, month="2019-02")}
    data = tarred(members)
    first = 512 + -(-len(good(9)) // 512) * 512
    with pytest.raises(ArchiveError, match="truncated: its end mark is missing"):
        read(write(tmp_path, data[:first], "archive.tar"))


def test_a_zip_or_gzip_cut_short_is_refused(tmp_path):
    packed = zipped({MEMBER: LARGE})
    with pytest.raises(ArchiveError, match="corrupt or cut short"):
        read(write(tmp_path, packed[: len(packed) // 2], "archive.zip"))
    packed = gzip.compress(LARGE)
    with pytest.raises(ArchiveError, match="corrupt or cut short"):
        read(write(tmp_path, packed[: len(packed) // 2], f"{NAME}.gz"))


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "csv.gz"])
def test_a_flipped_byte_is_refused(tmp_path, kind):
    packed = {
        "zip": zipped({MEMBER: LARGE}),
        "tar.gz": tarred({MEMBER: LARGE}, gzip.compress),
        "csv.gz": gzip.compress(LARGE),
    }[kind]
    middle = len(packed) // 2
    packed = packed[:middle] + bytes([packed[middle] ^ 0xFF]) + packed[middle + 1 :]
    name = f"{NAME}.gz" if kind == "csv.gz" else f"archive.{kind}"
    with pytest.raises(ArchiveError, match="corrupt or cut short"):
        read(write(tmp_path, packed, name))


def test_an_error_page_saved_as_an_archive_is_refused(tmp_path):
    for name in ("archive.zip", "archive.tar", "archive.tar.xz"):
        with pytest.raises(ArchiveError, match="corrupt or cut short"):
            read(write(tmp_path, b"<html>404 not found</html>", name))


@pytest.mark.parametrize(
    "name",
    [f"../{NAME}", f"/tmp/{NAME}", f"a/../../{NAME}", f"..\\{NAME}", f"C:\\{NAME}", f"\\{NAME}"],
)
@pytest.mark.parametrize("pack", [zipped, tarred])
def test_a_name_that_points_outside_is_refused_and_nothing_is_written(tmp_path, name, pack):
    path = write(tmp_path / "in", pack({name: good(9)}), f"archive.{pack.__name__[:3]}")
    with pytest.raises(ArchiveError, match="points outside the archive"):
        read(path)
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


def test_links_are_refused(tmp_path):
    link = zipfile.ZipInfo(MEMBER)
    link.create_system, link.external_attr = 3, 0o120777 << 16
    with pytest.raises(ArchiveError, match="is a link or a device"):
        read(write(tmp_path, zipped({link: "/etc/passwd"}), "archive.zip"))
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE):
        data = tarred({MEMBER: b""}, type=kind, linkname="/etc/passwd")
        with pytest.raises(ArchiveError, match="is a link or a device"):
            read(write(tmp_path, data, "archive.tar"))


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_archive_in_an_archive_is_refused(tmp_path, pack):
    path = write(tmp_path, pack({"inner.zip": zipped({MEMBER: good(9)})}), f"a.{pack.__name__[:3]}")
    with pytest.raises(ArchiveError, match=r"holds another archive, inner\.zip"):
        read(path)


def test_an_encrypted_archive_is_refused(tmp_path):
    data = bytearray(zipped({MEMBER: good(9)}))
    data[6] |= 1  # the flag in the member's own header, and in the directory
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ArchiveError, match="is encrypted"):
        read(write(tmp_path, bytes(data), "archive.zip"))


BOMB = good(1) + b"\n" * 30_000_000


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("archive.zip", lambda: zipped({MEMBER: BOMB})),
        ("archive.tar.gz", lambda: tarred({MEMBER: BOMB}, gzip.compress)),
        ("archive.tar.xz", lambda: tarred({"padding.bin": BOMB}, lzma.compress)),
        (f"{NAME}.gz", lambda: gzip.compress(BOMB)),
    ],
)
def test_what_expands_too_far_is_refused(tmp_path, name, pack):
    with pytest.raises(ArchiveError, match=r"expands to more than [\d,]+ bytes"):
        read(write(tmp_path, pack(), name))


def test_a_header_that_lies_about_the_size_does_not_help_a_bomb(tmp_path):
    data = bytearray(zipped({MEMBER: BOMB}))
    directory = data.index(b"PK\x01\x02")
    data[directory + 24 : directory + 28] = (1000).to_bytes(4, "little")
    with pytest.raises(ArchiveError, match=r"corrupt or cut short|expands to more than"):
        read(write(tmp_path, bytes(data), "archive.zip"))


def test_the_ceiling_on_expanded_bytes_holds_over_all_members(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_EXPANDED_BYTES", 1_200_000)
    february = MEMBER.replace("2019-01", "2019-02")
    packed = zipped({MEMBER: LARGE, february: LARGE.replace(b",2019-01,", b",2019-02,")})
    assert 600_000 < len(LARGE) < 1_200_000
    with pytest.raises(ArchiveError, match="expands to more than 1,200,000 bytes"):
        read(write(tmp_path, packed, "archive.zip"))
