"""Commands: ``python -m rt_gait.training {train,prune,plot,evaluate,...} ...``."""

from __future__ import annotations

from .evaluate import add_parsers as add_evaluate
from .nets.export_run import add_parsers as add_export
from .nets.run import add_parsers
from .walkers.command import Parser, command


def _parser() -> Parser:
    parser = Parser(prog="python -m rt_gait.training", description="Gait networks of our own")
    commands = parser.add_subparsers(dest="command", required=True)
    add_parsers(commands)
    add_export(commands)
    add_evaluate(commands)
    return parser


@command
def main(argv: list[str] | None = None) -> int:
    """Run one command; 0 on success, an error's own code with one line for what users can mend."""
    options = _parser().parse_args(argv)
    options.run(options)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
