#!/bin/sh
# A MariaDB server for the tests, which start it themselves: its programs alone, no service. Installed
# where that takes no question and changes nothing else (Debian or Ubuntu, as root).
set -eu
PATH="$PATH:/usr/sbin:/sbin"
if command -v mariadbd >/dev/null && command -v mariadb-install-db >/dev/null; then
	exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "make: no MariaDB server: its tests are skipped (install mariadb-server to run them)"
	exit 0
fi
echo "make: installing a MariaDB server for the tests"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
install() {
	apt-get install -y -qq --no-install-recommends mariadb-server-core mariadb-client-core
}
# Lists that are missing or out of date are fetched once.
if ! { install || { apt-get update -qq && install; }; } </dev/null >"$log" 2>&1; then
	tail -n 15 "$log" >&2
	echo "make: the MariaDB server could not be installed: its tests are skipped, except in CI" >&2
fi
