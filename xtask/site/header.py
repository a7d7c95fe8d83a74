"""Doxygen's filter for include/treenail.h: its plain comments are the documentation.

    python3 header.py FILE
"""

import re
import sys

text = open(sys.argv[1]).read()
head, rest = text.split(" */\n", 1)
lines = [line.removeprefix(" *").removeprefix(" ") for line in head.split("\n")[1:]]
title = head.split("\n")[0].removeprefix("/* treenail.h: ")
print(f"/** @file treenail.h\n@brief {title}\n@verbatim")
print("\n".join(lines).rstrip())
print("@endverbatim\n*/")
print(re.sub(r"(?m)^(\s*)/\* ", r"\1/** ", rest), end="")
