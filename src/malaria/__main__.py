"""`python -m malaria`: the command `malaria`, also where the command itself is not on the path."""

import sys

from malaria.given.command_line import main

sys.exit(main())
