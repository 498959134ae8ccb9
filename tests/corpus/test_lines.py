import bz2
import functools
import tracemalloc

import pytest
from conformance.readers import PACKERS, put, refusal
from hypothesis import given, settings
from hypothesis import strategies as st

from xtremedistil_tf.corpus.files import MAX_LINE_CHARS, open_lines

fails = functools.partial(refusal, open_lines)


def write(folder, data: bytes, suffix=""):
    return put(folder, f"file.txt{suffix}", data)


@pytest.mark.parametrize("suffix", PACKERS)
def test_compressed_and_plain_files_give_the_same_lines(tmp_path, suffix):
    path = write(tmp_path, "\ufeffÄ b\r\n\nc\u2028d\x0be\x85f\rg\n\ufeffx".encode(), suffix)
    assert list(open_lines(path)) == [(1, "Ä b"), (2, ""), (3, "c\u2028d\x0be\x85f\rg"), (4, "\ufeffx")]


@settings(max_examples=200)
@given(text=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=80))
def test_any_text_splits_as_its_bytes_do(tmp_path_factory, text):
    path = write(tmp_path_factory.mktemp("lines"), text.encode())
    end = b"\r" if "\r" in text[:-1] and "\n" not in text else b"\n"
    parts = text.encode().removeprefix(b"\xef\xbb\xbf").split(end)
    if not text or text.encode().endswith(end):
        parts.pop()
    expected = [part.removesuffix(b"\r").decode() for part in parts]
    if text == "\ufeff":
        expected = [""]
    assert [line for _, line in open_lines(path)] == expected


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_an_empty_file_has_no_lines(tmp_path, suffix):
    assert list(open_lines(write(tmp_path, b"", suffix))) == []


def test_a_missing_file_is_named_with_what_lies_beside_it(tmp_path):
    (tmp_path / "train.csv").touch()
    message = fails(tmp_path / "train.tsv")
    assert str(tmp_path / "train.tsv") in message and f"{tmp_path} holds: train.csv" in message
    assert f"no folder {tmp_path / 'no'}" in fails(tmp_path / "no" / "train.tsv")


def test_a_folder_is_no_file(tmp_path):
    assert "is a folder" in fails(tmp_path)


def test_invalid_utf8_is_located(tmp_path):
    message = fails(write(tmp_path, b"fine\nM\xc3\xbcller M\xfcller\n"))
    assert "file.txt:2:" in message and "0xfc at offset 9" in message


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_utf16_with_its_mark_is_read(tmp_path, encoding, caplog):
    path = write(tmp_path, "Ä\r\n語\n".encode(encoding))
    assert list(open_lines(path)) == list(open_lines(path)) == [(1, "Ä"), (2, "語")]
    assert caplog.text.count(f"is {encoding.upper()} and read as such") == 1


def test_utf16_without_its_mark_is_refused(tmp_path):
    message = fails(write(tmp_path, "Text\n".encode("utf-16-le")))
    assert "file.txt:1:" in message and "iconv -f UTF-16" in message
    assert "damaged UTF-16" in fails(write(tmp_path, "Text".encode("utf-16") + b"\0"))


def test_carriage_returns_alone_end_lines_too(tmp_path, caplog):
    assert list(open_lines(write(tmp_path, b"a b\rc\r\rd"))) == [(1, "a b"), (2, "c"), (3, ""), (4, "d")]
    assert caplog.text.count("lines end with carriage returns alone") == 1
    assert "some lines end with a carriage return" in fails(write(tmp_path, b"a\r" * 40_000 + b"b\n"))


@pytest.mark.parametrize(("text", "encoding", "hint"), [
    ("Der Müller sagt", "latin-1", "Windows-1252 ('Der Müller sagt')"), ("it’s", "cp1252", "Windows-1252 ('it’s')"),
    ("Москва столица", "cp1251", "cp1251"), ("東京は首都", "shift_jis", "shift_jis")])
def test_another_encoding_is_named(tmp_path, text, encoding, hint):
    message = fails(write(tmp_path, b"fine\n" + text.encode(encoding) + b"\n"))
    assert "file.txt:2:" in message and hint in message and "iconv -f" in message


def test_further_compressions(tmp_path):
    path = tmp_path / "a.txt.bz2"
    path.write_bytes(bz2.compress(b"a\nb\n"))
    assert list(open_lines(path)) == [(1, "a"), (2, "b")]
    path.write_bytes(b"not compressed")
    assert "damaged or truncated .bz2 file" in fails(path)


def test_zstandard(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    path = tmp_path / "a.txt.zst"
    with pyarrow.output_stream(str(path), compression="zstd") as file:
        file.write(b"a\nb\n")
    assert list(open_lines(path)) == [(1, "a"), (2, "b")]
    path.write_bytes(b"not compressed")
    assert "damaged or truncated .zst file" in fails(path)


def test_nul_is_located(tmp_path):
    message = fails(write(tmp_path, b"fine\nab\0c\n"))
    assert "file.txt:2: NUL byte at offset 2" in message


@pytest.mark.parametrize("char", ["x", "語", "😀"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_longest_line_is_counted_in_characters(tmp_path, char, end):
    longest = char * MAX_LINE_CHARS
    assert list(open_lines(write(tmp_path, f"\ufeff{longest}{end}".encode()))) == [(1, longest)]
    too_long = write(tmp_path, f"a\n{longest}{char}{end}".encode())
    assert "file.txt:2: line longer than 100,000" in fails(too_long)


def test_a_huge_line_is_refused_without_being_read_whole(tmp_path):
    path = write(tmp_path, b"x" * 50_000_000, ".gz")
    tracemalloc.start()
    message = fails(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert "file.txt.gz:1: line longer" in message
    assert peak < 5_000_000


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
def test_damaged_compression_is_named(tmp_path, suffix):
    whole = PACKERS[suffix](b"".join(b"line %d\n" % (i * i) for i in range(2000)))
    path = tmp_path / f"file.txt{suffix}"
    path.write_bytes(whole[:-20])
    assert f"damaged or truncated {suffix} file after line" in fails(path)
    path.write_bytes(b"not compressed\n")
    assert f"damaged or truncated {suffix} file after line 0" in fails(path)
    path.write_bytes(whole[:-12] + bytes([whole[-12] ^ 255]) + whole[-11:])
    assert f"damaged or truncated {suffix}" in fails(path)
