from .cluster import Cluster as Cluster, run_on_cluster as run_on_cluster
