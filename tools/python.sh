#!/bin/sh
# Runs its arguments with the first Python that is new enough: the course's own, else the newest
# tested one on the PATH. PYTHON=... names another. In shell, as it must speak where no Python can.
[ -z "$PYTHON" ] || IFS= # a path may hold spaces
found=
for candidate in ${PYTHON:-.venv/bin/python python3.13 python3.12 python3.11 python3}; do
    version=$("$candidate" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) ||
        continue
    case $version in
    3.1[1-9].* | 3.[2-9][0-9].*) exec "$candidate" "$@" ;;
    esac
    found="$found${found:+ and }$candidate is $version"
done
printf '%s\n' "The course needs Python 3.11 or later, but ${found:-${PYTHON:-python3} does not run here}: \
install Python 3.12, or name one with PYTHON=/path/to/python3.12 after the make command." >&2
exit 1
