#!/usr/bin/env bash
# Trains, generates from every control array in a folder, and keeps a copy of itself beside the results.
#
#   runscripts/run_tg.sh [-t] [-g] [-d DATA] [-n STEPS] [-c CHECKPOINT] [-s STAMP]
#
#   -t             train
#   -g             generate: a sound (or a batch) for each .npy in CONTROLS
#   -d DATA        folder of wavs and param files [data]
#   -n STEPS       training steps [8000]
#   -c CHECKPOINT  with -t: save the model every so many steps [1000]; with -g alone: the step to generate from [last]
#   -s STAMP       name of the run, to go on with an earlier one or to generate from it [the time now]
#
# The parameters below are meant to be edited; the copy in the run's folder says what they were.
set -euo pipefail

PROP=(rate)               # conditioning parameters, as the param files name them
CONTROLS=controls         # folder of .npy files, [batch, length, parameters]
CONTROL_RATE=100          # their values a second
SAMPLE_RATE=16000
RUNS=output               # where runs are kept
NET=()                    # more options of the net and the training, such as --hidden_size 256
PLAY=(--rand_seed 1)      # more options of generating, such as --temp 0.9

usage() { sed -n '2,/^set/p' "$0" | sed '/^set/d; s/^# \{0,1\}//' >&2; exit 2; }

train=; generate=; data=data; steps=8000; checkpoint=; stamp=$(date +%Y-%m-%d_%H-%M-%S)
while getopts tgd:n:c:s: option; do
  case $option in
    t) train=1 ;;
    g) generate=1 ;;
    d) data=$OPTARG ;;
    n) steps=$OPTARG ;;
    c) checkpoint=$OPTARG ;;
    s) stamp=$OPTARG ;;
    *) usage ;;
  esac
done
shift $((OPTIND - 1))
[ $# = 0 ] && [ -n "$train$generate" ] || usage

run=$PWD/$RUNS/$stamp
if [ -n "$train" ]; then
  if [ -d "$run/model" ]; then
    mtcrnn train --model_dir "$run" --num_steps "$steps"
  else
    mtcrnn train --data_dir "$data" --prop "${PROP[@]}" --sample_rate "$SAMPLE_RATE" --num_steps "$steps" \
      --output_dir "$run" --checkpoint "${checkpoint:-1000}" "${NET[@]}"
  fi
  cp "$0" "$run/run_tg.sh"
fi
if [ -n "$generate" ]; then
  arrays=("$CONTROLS"/*.npy)
  [ -e "${arrays[0]}" ] || { echo "run_tg.sh: no .npy files in $CONTROLS (mtcrnn gesture makes some)" >&2; exit 2; }
  for array in "${arrays[@]}"; do
    name=$(basename "$array" .npy)
    also=("${PLAY[@]}")
    if [ -e "${array%.npy}.txt" ]; then also+=(--names "${array%.npy}.txt"); fi
    if [ -z "$train" ] && [ -n "$checkpoint" ]; then also+=(--step "$checkpoint"); fi
    mtcrnn generate --model_dir "$run" --paramvect external --external_array "$array" --external_sr "$CONTROL_RATE" \
      --out "$run/sounds/$name" "${also[@]}"
  done
fi
