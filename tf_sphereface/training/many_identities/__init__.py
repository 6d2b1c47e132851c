"""Trainings of so many identities that their class weights are divided or sampled."""
