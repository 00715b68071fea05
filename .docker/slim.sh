#!/bin/sh
# Within an image that is being made: removes what no service reads or runs. dpkg's list of packages stays, for scanners.
set -eu

rm -rf /usr/share/locale /usr/share/doc /usr/share/man /usr/share/info /usr/share/bash-completion /usr/share/i18n
rm -rf /usr/share/python-wheels /usr/lib/python3*/ensurepip
rm -rf /usr/share/perl /usr/lib/*/perl /usr/lib/*/libperl.so* /usr/bin/perl?*
rm -rf /usr/lib/apt /usr/lib/*/libapt-* /usr/bin/apt* /etc/apt /var/lib/apt /var/cache/* /var/log/* /var/lib/dpkg/info
rm -rf /usr/bin/dpkg* /usr/bin/sqv /usr/bin/scalar /usr/bin/git-shell /usr/bin/bash /bin/bash /usr/bin/localedef
for name in daemon http-backend http-push imap-send sh-i18n--envsubst shell; do
    rm -f "/usr/lib/git-core/git-$name"
done
# A query is compiled to machine code by LLVM only where its package is: 130 MB that this database has no use for.
rm -rf /usr/lib/llvm-* /usr/lib/*/libLLVM* /usr/lib/*/libz3* /usr/lib/postgresql/*/lib/bitcode /usr/lib/postgresql/*/lib/llvmjit*
# Not to be gained by anybody.
find / -xdev -type f -perm /6000 -exec chmod u-s,g-s {} +
rm -rf /tmp/*
