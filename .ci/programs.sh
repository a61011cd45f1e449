#!/bin/sh
# Programs that the tests start themselves, from Debian's packages: `programs.sh mariadb chromium`. No
# services. Installed where that takes no question and changes nothing else (Debian or Ubuntu, as root).
set -eu
PATH="$PATH:/usr/sbin:/sbin"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
trap 'rm -f "$log"' EXIT

has() {
	for program; do command -v "$program" >/dev/null || return 1; done
}

install() {
	apt-get install -y -qq --no-install-recommends "$@"
}

# provide NAME "PROGRAM …" PACKAGE …
provide() {
	name=$1 programs=$2
	shift 2
	# shellcheck disable=SC2086 # several programs
	if has $programs; then
		return
	fi
	if [ "$(id -u)" != 0 ] || ! has apt-get; then
		echo "make: no $name: its tests are skipped (install $* to run them)"
		return
	fi
	echo "make: installing $name for the tests"
	# Lists that are missing or out of date are fetched once.
	if ! { install "$@" || { apt-get update -qq && install "$@"; }; } </dev/null >"$log" 2>&1; then
		tail -n 15 "$log" >&2
		echo "make: $name could not be installed: its tests are skipped, except in CI" >&2
	fi
}

for wanted; do
	case $wanted in
	mariadb) provide "MariaDB" "mariadbd mariadb-install-db" mariadb-server-core mariadb-client-core ;;
	chromium) provide "Chromium" "chromium" chromium fonts-dejavu-core ;;
	*) echo "programs.sh: $wanted: mariadb or chromium" >&2 && exit 2 ;;
	esac
done
