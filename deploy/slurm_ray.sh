#!/bin/bash
# Runs a command with a Ray cluster on all machines of a Slurm job:
#   sbatch --nodes=4 deploy/slurm_ray.sh xtreme-distil distil --flagfile=flags/quickstart.cfg --model_dir=/shared/out
# It runs on the first machine, which makes shards too. --ray_address is added to the command.
#SBATCH --job-name=xtreme-distil
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --output=%x-%j.log

set -euo pipefail

port=6379
head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
address=$(srun --nodes=1 --ntasks=1 --nodelist="$head" hostname --ip-address | awk '{print $1}')
# One Ray node uses what Slurm gives on a machine: all cores (--exclusive), and GPUs with --gpus-per-node=N.
cpus=${SLURM_CPUS_ON_NODE:-1}

export RAY_USAGE_STATS_ENABLED=0
srun --overlap --nodes=1 --ntasks=1 --cpus-per-task="$cpus" --nodelist="$head" \
    ray start --head --node-ip-address="$address" --port="$port" --num-cpus="$cpus" --block &

until ray status --address="$address:$port" > /dev/null 2>&1; do sleep 2; done

others=$((SLURM_JOB_NUM_NODES - 1))
if [ "$others" -gt 0 ]; then
    srun --overlap --nodes="$others" --ntasks="$others" --ntasks-per-node=1 --cpus-per-task="$cpus" --exclude="$head" \
        ray start --address="$address:$port" --num-cpus="$cpus" --block &
    # Workers' shares are worked out when the command starts, from the machines that are there.
    until [ "$(python -c "import ray; ray.init('$address:$port', logging_level='ERROR'); print(len(ray.nodes()))")" \
            -gt "$others" ]; do sleep 2; done
fi

"$@" --ray_address="$address:$port"
