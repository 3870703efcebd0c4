"""`malaria data`: draw the practice cells, or fetch the real ones."""

from pathlib import Path

from malaria.given.cells.folders import DATA, folder_name
from malaria.given.cells.hospitals import HOSPITALS
from malaria.given.cells.nih_download import fetch_nih_cells
from malaria.given.cells.nih_zip import CREDIT, unpack_cells
from malaria.given.cells.practice_cells import CELLS, HOSPITAL, PATIENTS, SEED, draw_cells
from malaria.given.command_line.common import whole_number


def add_parser(commands):
    """Add the command to argparse's `commands`."""
    parser = commands.add_parser(
        "data",
        help="draw the practice cells, or download the real ones",
        description="Draw the practice cells. With --nih, download the real cells instead (353 MB);"
        " with --from-zip, unpack a zip file of them that you already have.",
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--nih", action="store_true", help="download the NIH cells")
    source.add_argument("--from-zip", type=Path, metavar="FILE", help="unpack this zip file")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="default: data/practice_cells, with the numbers in its name if they are not the"
        " default ones; data/nih_cells or data/from_zip",
    )
    for name, what, least, default in (
        ("patients", "number of patients to draw", 2, PATIENTS),
        ("cells", "number of cells to draw", 4, CELLS),
        ("seed", "seed of the drawing", 0, SEED),
    ):
        parser.add_argument(
            f"--{name}",
            type=whole_number(least),
            default=default,
            metavar="N",
            help=f"{what}; default: {default}",
        )
    parser.add_argument(
        "--hospital",
        type=int,
        choices=list(HOSPITALS),
        default=HOSPITAL,
        help="whose dye and camera colour the cells; 2 is another laboratory than that of the NIH"
        f" cells; default: {HOSPITAL}",
    )
    parser.set_defaults(run=run)


def run(arguments):
    """Run the command; returns the exit status."""
    if arguments.nih:
        cells = fetch_nih_cells(arguments.out or DATA / "nih_cells")
        print(CREDIT)
    elif arguments.from_zip:
        cells = unpack_cells(arguments.from_zip, arguments.out or DATA / "from_zip")
        print(CREDIT)
    else:
        patients, cells, seed = arguments.patients, arguments.cells, arguments.seed
        # The lessons take `practice_cells` for the default set, so that no other may be there.
        name = folder_name(patients, cells, seed, arguments.hospital)
        folder = arguments.out or DATA / name
        cells = draw_cells(folder, patients, cells, seed, hospital=arguments.hospital)
    print(f"The cells are in {cells}")
    return 0
