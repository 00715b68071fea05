"""`python -m mmio_bisect`: the command line without its script."""

from mmio_bisect.cli.app import main

if __name__ == "__main__":
    raise SystemExit(main())
