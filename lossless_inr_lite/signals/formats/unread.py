"""What files of other kinds are, by their first bytes, so that a refusal can name them."""

from typing import NamedTuple

from lossless_inr_lite.signals.formats.flac_blocks import SECOND_FILE
from lossless_inr_lite.signals.formats.flac_frames import header_at


class Mark(NamedTuple):
    """Bytes that stand at a place in all files of a kind."""

    bytes: bytes
    what: str
    place: int = 0


# Where one mark begins with another, the longer one stands first.
PICTURES = (
    Mark(b"WEBP", "a WebP picture", 8),
    Mark(b"ftypavif", "an AVIF picture", 4),
    Mark(b"ftypavis", "an AVIF picture", 4),
    Mark(b"ftyphei", "a HEIC picture", 4),
    Mark(b"ftyphev", "a HEIC picture", 4),
    Mark(b"ftypmif1", "a HEIF picture", 4),
    Mark(b"ftypmsf1", "a HEIF picture", 4),
    Mark(b"ftypcrx ", "a raw picture of a camera (CR3)", 4),
    Mark(b"\xff\x0a", "a JPEG XL picture"),
    Mark(b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
    Mark(b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
    Mark(b"\xff\x4f\xff\x51", "a JPEG 2000 picture"),
    Mark(b"II\xbc\x01", "a JPEG XR picture"),
    Mark(b"BPG\xfb", "a BPG picture"),
    Mark(b"\x8aMNG\r\n\x1a\n", "a MNG animation"),
    Mark(b"\x8bJNG\r\n\x1a\n", "a JNG picture"),
    Mark(b"\x76\x2f\x31\x01", "an OpenEXR picture"),
    Mark(b"#?RADIANCE", "a Radiance picture (HDR)"),
    Mark(b"#?RGBE", "a Radiance picture (HDR)"),
    Mark(b"PF\n", "a picture of floating-point colours (PFM)"),
    Mark(b"Pf\n", "a picture of floating-point grey (PFM)"),
    Mark(b"8BPS", "a Photoshop picture (PSD)"),
    Mark(b"gimp xcf", "a GIMP picture (XCF)"),
    Mark(b"qoif", "a QOI picture"),
    Mark(b"farbfeld", "a farbfeld picture"),
    Mark(b"DDS ", "a texture (DDS)"),
    Mark(b"\xabKTX ", "a texture (KTX)"),
    Mark(b"\0\0\x01\0", "an icon (ICO)"),
    Mark(b"\0\0\x02\0", "a cursor (CUR)"),
    Mark(b"icns", "an icon (ICNS)"),
    Mark(b"\x01\xda", "an SGI picture"),
    Mark(b"\x59\xa6\x6a\x95", "a Sun raster picture"),
    Mark(b"FUJIFILMCCD-RAW", "a raw picture of a camera (RAF)"),
    Mark(b"n+1\0", "a NIfTI volume", 344),
    Mark(b"ni1\0", "a NIfTI volume", 344),
)
# Those of other kinds than WAV and FLAC.
SOUNDS = (
    Mark(b"AIFF", "an AIFF sound", 8),
    Mark(b"AIFC", "an AIFF sound", 8),
    Mark(b"8SVX", "a sound of 8 bits (8SVX)", 8),
    Mark(b"caff", "a sound of Apple (CAF)"),
    Mark(b"riff\x2e\x91\xcf\x11", "a sound of 64 bits of length (W64)"),
    Mark(b".snd", "a sound of Sun (AU)"),
    Mark(b"dns.", "a sound of Sun (AU)"),
    Mark(b"OggS", "a sound or film (Ogg)"),
    Mark(b"ftypM4A", "a sound (M4A)", 4),
    Mark(b"ftypM4B", "a sound (M4A)", 4),
    Mark(b"wvpk", "a WavPack sound"),
    Mark(b"MAC ", "a Monkey's Audio sound (APE)"),
    Mark(b"TTA1", "a True Audio sound (TTA)"),
    Mark(b"TTA2", "a True Audio sound (TTA)"),
    Mark(b"DSD ", "a sound of one bit (DSF)"),
    Mark(b"FRM8", "a sound of one bit (DSDIFF)"),
    Mark(b"MPCK", "a Musepack sound"),
    Mark(b"MP+", "a Musepack sound"),
    Mark(b"#!AMR", "a sound of a telephone (AMR)"),
    Mark(b"#!SILK", "a sound of a telephone (SILK)"),
    Mark(b"NIST_1A\n", "a SPHERE sound (NIST)"),
    Mark(b"Creative Voice File", "a VOC sound"),
    Mark(b"MThd", "notes for instruments (MIDI)"),
    Mark(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a sound or film of Windows Media"),
    Mark(b"ID3", "a sound (MP3), or one behind an ID3 tag"),
    Mark(b"\xff\xfb", "an MP3 sound"),
    Mark(b"\xff\xfa", "an MP3 sound"),
    Mark(b"\xff\xf3", "an MP3 sound"),
    Mark(b"\xff\xf2", "an MP3 sound"),
    Mark(b"\xff\xf1", "an AAC sound"),
    Mark(b"\xff\xf9", "an AAC sound"),
)
OTHERS = (
    Mark(b"WAVE", "a WAV sound", 8),
    Mark(b"fLaC", "a FLAC sound"),
    *SOUNDS,
    Mark(b"AVI ", "a film (AVI)", 8),
    Mark(b"ftyp", "a film or sound (MP4 and its kin)", 4),
    Mark(b"%PDF", "a PDF document"),
    Mark(b"%!PS", "a PostScript document"),
    Mark(b"SIMPLE  =", "a FITS file"),
    Mark(b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    Mark(b"CDF\x01", "a NetCDF file"),
    Mark(b"CDF\x02", "a NetCDF file"),
    Mark(b"\x93NUMPY", "an array of NumPy"),
    Mark(b"PK\x03\x04", "a ZIP archive"),
    Mark(b"\x1f\x8b", "a file packed with gzip"),
    Mark(b"BZh", "a file packed with bzip2"),
    Mark(b"\xfd7zXZ\0", "a file packed with xz"),
    Mark(b"\x28\xb5\x2f\xfd", "a file packed with Zstandard"),
    Mark(b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    Mark(b"version https://git-lfs", "a pointer of Git LFS"),
    Mark(b"\x8aLIC\r\n\x1a\n", "a container of pictures (.lic)"),
    Mark(b"LITT", "a network of trits (.trits)"),
    Mark(b'{"', "a file of tensors (.safetensors)", 8),
)
BMP_PLACE_OF_ZEROS = 6
START = 1024  # bytes that are looked at
FAR = 2**16  # bytes in which a FLAC sound is searched


def sound_of(data: bytes) -> str | None:
    """What kind of sound a file is that no reader of sound takes; None when it is none.

    >>> sound_of(b"OggS")
    'a sound or film (Ogg)'
    """
    if header_at(data, 0) is not None:
        return "a FLAC stream without its header (fLaC)"
    start = data[:START]
    for mark in SOUNDS:
        if start.startswith(mark.bytes, mark.place):
            return mark.what
    if any(mark in data[:FAR] for mark in SECOND_FILE):
        return "bytes of something else before a FLAC sound"
    return None


def refusal(data: bytes) -> str:
    """What a file is that no reader takes, by its first bytes, to be said behind its name.

    >>> refusal(b"RIFF....WEBPVP8L")
    'a WebP picture, which is not read'
    >>> refusal(b"RIFF....WAVEfmt ")
    'not a picture, but a WAV sound'
    """
    start = data[:START]
    for mark in PICTURES:
        if start.startswith(mark.bytes, mark.place):
            return f"{mark.what}, which is not read"
    for mark in OTHERS:
        if start.startswith(mark.bytes, mark.place):
            return f"not a picture, but {mark.what}"
    # Two letters alone are too few; behind the length of a BMP stand four bytes of zeros.
    if start.startswith(b"BM") and start[BMP_PLACE_OF_ZEROS:][:4] == bytes(4):
        return "a BMP picture, which is not read"
    text = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()  # a mark of UTF-8 may come first
    if text.startswith((b"<!doctype html", b"<html")):
        return "not a picture, but a web page (HTML)"
    if text.startswith(b"<") and b"<svg" in text:
        return "a drawing (SVG), which is not read"
    return "not a picture that can be read"
