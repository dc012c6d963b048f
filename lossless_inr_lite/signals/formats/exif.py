"""The one entry of Exif data that says how a picture is seen: its orientation.

Exif 2.32 (CIPA DC-008) lays its entries out as TIFF 6.0 does: byte order, place of a list, entries.
"""

import struct

ORIENTATION = 0x0112  # the entry's tag
SHORT = 3  # its type, 16 bits
PREFIX = b"Exif\0\0"  # before the data in JPEG
BYTE_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
FIRST_LIST = 8  # where the list of entries begins in what is written here


def orientation_in(exif: bytes) -> tuple[int, bool]:
    """The orientation in Exif data, 1 to 8, and whether the data hold anything else.

    It is 1, not turned, when none is said, and when the data are broken.
    """
    data = exif.removeprefix(PREFIX)
    order = BYTE_ORDERS.get(data[:4])
    if order is None:
        return 1, True
    found = 1
    others = False
    try:
        (place,) = struct.unpack_from(order + "I", data, 4)
        (count,) = struct.unpack_from(order + "H", data, place)
        for number in range(count):
            tag, kind, length, value = struct.unpack_from(
                order + "HHIH", data, place + 2 + 12 * number
            )
            if tag != ORIENTATION:
                others = True
            elif kind == SHORT and length == 1 and 1 <= value <= 8:
                found = value
    except struct.error:
        return found, True
    return found, others


def exif_of(orientation: int) -> bytes:
    """Exif data, without the prefix that they have in JPEG, that say the orientation alone.

    >>> orientation_in(exif_of(6))
    (6, False)
    """
    entry = struct.pack(">HHIHH", ORIENTATION, SHORT, 1, orientation, 0)
    no_more_lists = bytes(4)
    start = b"MM\0*" + struct.pack(">I", FIRST_LIST)
    return start + struct.pack(">H", 1) + entry + no_more_lists
