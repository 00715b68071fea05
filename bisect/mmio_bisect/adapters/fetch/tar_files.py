"""Python's tarfile with the filters of PEP 706, which Python 3.11 has from 3.11.4 on: Debian 12's is 3.11.2."""

import tarfile

if not hasattr(tarfile, "data_filter"):
    from backports import tarfile  # type: ignore[no-redef]

__all__ = ["tarfile"]
