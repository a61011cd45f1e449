#!/bin/sh
# Chromium for the browser tests, which start it themselves: Debian's own, with a font. Installed where
# that takes no question and changes nothing else (Debian, as root).
set -eu
if command -v chromium >/dev/null; then
	exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "make: no Chromium: the browser tests are skipped (install chromium to run them)"
	exit 0
fi
echo "make: installing Chromium for the browser tests"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
install() {
	apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core
}
# Lists that are missing or out of date are fetched once.
if ! { install || { apt-get update -qq && install; }; } </dev/null >"$log" 2>&1; then
	tail -n 15 "$log" >&2
	echo "make: Chromium could not be installed: the browser tests are skipped, except in CI" >&2
fi
