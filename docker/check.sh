#!/usr/bin/env bash
# Does what docker/Dockerfile does without a container engine: its files into an empty folder, its RUN lines into a clean
# virtual environment, then trains, generates and asks for help as its user would. Not run: the base image, the user, the ports.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
mkdir "$place/source" "$place/work"
cd "$root"
grep -E '^COPY [^-]' docker/Dockerfile | while read -r _ words; do
  read -ra parts <<< "$words"
  cp -r "${parts[@]:0:${#parts[@]}-1}" "$place/source/${parts[-1]}"
done
cd "$place/source"
TORCH_INDEX=${TORCH_INDEX:-}
grep -E '^RUN .*/opt/mtcrnn' "$root/docker/Dockerfile" | sed 's/^RUN //' | while read -r line; do
  line=${line//\/opt\/mtcrnn/\"$place/venv\"}  # quoted: TMPDIR may have spaces
  echo "+ $line"
  eval "${line/#python /${PYTHON:-python3} }"
done
cd "$place/work"
export PATH="$place/venv/bin:$PATH" HOME="$place/work"
mtcrnn --help > /dev/null
mtcrnn texture pops --out sounds --files 3 --seconds 2
mtcrnn train --data_dir sounds --prop rate --output_dir pops --num_steps 2
mtcrnn generate --model_dir output/pops --set rate=0.5 --length 8000 --out sound
test -s sound.wav
echo "docker/check.sh: all steps work"
