package cluster_test

// rootsVariable names the folders beneath which a worker reads files.
const rootsVariable = "GLEITZEIT_ROOTS"
