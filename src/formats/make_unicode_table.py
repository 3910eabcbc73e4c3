#!/usr/bin/env python3
"""Writes unicode_table.inc: what canonical decomposition needs of the Unicode character database.

    python3 src/formats/make_unicode_table.py
"""
import pathlib
import sys
import unicodedata

HEAD = f"// Unicode {unicodedata.unidata_version}. make_unicode_table.py writes this file.\n"


def decompositions():
    """One step of each: {character, first, second or 0}. Hangul is computed."""
    for code in range(sys.maxunicode + 1):
        parts = unicodedata.decomposition(chr(code)).split()
        if parts and not parts[0].startswith("<"):
            first, second = (parts + ["0"])[:2]
            yield f"{{0x{code:X},0x{first.lstrip('0')},0x{second.lstrip('0') or '0'}}}"


def classes():
    """Ranges of characters that combine: {first, last, combining class}."""
    code = 0
    while code <= sys.maxunicode:
        start, number = code, unicodedata.combining(chr(code))
        while code <= sys.maxunicode and unicodedata.combining(chr(code)) == number:
            code += 1
        if number:
            yield f"{{0x{start:X},0x{code - 1:X},{number}}}"


def lines(items):
    line = ""
    for item in items:
        if len(line) + len(item) + 1 > 120:
            yield line
            line = ""
        line += item + ","
    yield line


def main():
    text = HEAD
    text += "constexpr Decomposition kDecompositions[] = {\n" + "\n".join(lines(decompositions())) + "\n};\n"
    text += "constexpr CombiningRange kCombining[] = {\n" + "\n".join(lines(classes())) + "\n};\n"
    (pathlib.Path(__file__).parent / "unicode_table.inc").write_text(text)


if __name__ == "__main__":
    main()
