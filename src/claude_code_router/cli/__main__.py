"""`python -m claude_code_router.cli` is `ccr`."""

import sys

from claude_code_router.cli import main

if __name__ == "__main__":
    sys.exit(main())
