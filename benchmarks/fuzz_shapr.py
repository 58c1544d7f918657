"""`python -m benchmarks.fuzz_shapr N [SEED]`: reads N damaged `.shapr` files; every one must end with a code.

A crash of the kernel is not a failure here: in the service it ends a sandboxed child, and is `converter_crashed`.
"""

import sys

from tests.converters.shaprkit import fuzz


def main() -> None:
    count, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1
    found = fuzz.endings(count, seed)
    for ending, times in found.most_common():
        print(f"{times:6} {ending}")
    sys.exit(any(ending == "late" or ending.startswith("exception") for ending in found))


if __name__ == "__main__":
    main()
