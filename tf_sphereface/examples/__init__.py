"""Small trainings and figures that show what the losses do to a feature space."""
