#!/bin/sh
# Run apt-get for an architecture with lists and packages below a folder, so that nothing changes on this machine.
#
#     apt.sh FOLDER ARCHITECTURE COMMAND...
#
# No package counts as installed. So `--download-only install` fetches packages with all that they need.
set -eu
folder=$1 architecture=$2
shift 2

if [ ! -f "$folder/apt.conf" ]; then
    mkdir -p "$folder/lists/partial" "$folder/archives/partial" "$folder/sources"
    : > "$folder/status"
    sed 's/^Types: deb$/Types: deb deb-src/' /etc/apt/sources.list.d/debian.sources > "$folder/sources/debian.sources"
    cat > "$folder/apt.conf" << END
APT::Architecture "$architecture";
APT::Architectures { "$architecture"; };
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Dir::State "$folder";
Dir::State::status "$folder/status";
Dir::Cache "$folder";
Dir::Etc::SourceList "/dev/null";
Dir::Etc::SourceParts "$folder/sources";
END
    APT_CONFIG=$folder/apt.conf apt-get --quiet=2 update
fi
APT_CONFIG=$folder/apt.conf exec apt-get --quiet=2 "$@"
