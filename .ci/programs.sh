#!/bin/sh
# Programs that are started by us, from Debian's packages: `programs.sh mariadb chromium`. No services.
# Installed where that takes no question and changes nothing else (Debian or Ubuntu, as root).
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
		echo "make: no $name: what needs it is left out (install $* to have it)"
		return
	fi
	echo "make: installing $name"
	# Lists that are missing or out of date are fetched once.
	if ! { install "$@" || { apt-get update -qq && install "$@"; }; } </dev/null >"$log" 2>&1; then
		tail -n 15 "$log" >&2
		echo "make: $name could not be installed: what needs it is left out" >&2
	fi
}

for wanted; do
	case $wanted in
	mariadb) provide "MariaDB" "mariadbd mariadb-install-db" mariadb-server-core mariadb-client-core ;;
	# redis-server is a service, which would be started; its program is the same as this one.
	redis)
		if ! has redis-server && ! has .venv/bin/redis-server; then
			provide "Redis" "redis-check-rdb" redis-tools
			if has redis-check-rdb; then
				ln -sf "$(command -v redis-check-rdb)" .venv/bin/redis-server
			fi
		fi
		;;
	faketime) provide "faketime" "faketime" faketime ;;
	chromium) provide "Chromium" "chromium" chromium fonts-dejavu-core ;;
	*) echo "programs.sh: $wanted: mariadb, chromium, redis or faketime" >&2 && exit 2 ;;
	esac
done
