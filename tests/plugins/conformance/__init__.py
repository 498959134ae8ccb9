"""Tests that every one of a sort must pass: readers, kinds of task, students, runtimes.

In the manner of Keras' `run_layer_test`: a test file of a new one names it and calls one function. Like the rest of
`tests/plugins` it is found by import (`from conformance.students import run_student_test`).
"""
