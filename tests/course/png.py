"""PNG files byte by byte: Pillow writes none that are odd or damaged."""

import struct
import zlib


def png_of(chunks):
    """The bytes of a PNG of these chunks, with right checksums, whatever is in them."""
    body = b"".join(
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def header(width, height, bits=8, interlaced=0):
    """The first chunk of a PNG of RGB."""
    return b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, interlaced)


def write_promise(path, side):
    """A tiny file that promises more pixels than it has, or than any memory holds."""
    path.write_bytes(png_of([header(side, side), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")]))
