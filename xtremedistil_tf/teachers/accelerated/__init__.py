"""Faster, slightly inexact ways to run a teacher over the transfer set, each compared with the exact one."""
