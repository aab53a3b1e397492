package workflows_test

const doomedEnv = "GLEITZEIT_TEST_DOOMED"

func doomed() int { return 0 }
