package tfsphereface.core.gallery;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import tfsphereface.core.detection.Boxes;

/**
 * Faces followed from frame to frame, with names that do not flicker.
 *
 * <p>A box belongs to the track that it overlaps most, if that is 0.3 of the union at least.
 * The decision on a face is the one that 3 of its last 5 answers give; while there is no such
 * one it stays as it was. A face with 5 answers that never had one is "not sure".
 */
public final class FaceTracks {
    private static final int WINDOW = 5;
    private static final int NEEDED = 3;
    private static final double LEAST_OVERLAP = 0.3;
    private static final int MOST_MISSED = 3;

    /** The answer of a gallery on the face of one frame. */
    public static final class Answer {
        final Decision decision; // null without a threshold
        final String name; // null unless known
        final Double score;

        public Answer(Decision decision, String name, Double score) {
            this.decision = decision;
            this.name = name;
            this.score = score;
        }

        boolean agrees(Decision otherDecision, String otherName) {
            return decision == otherDecision && Objects.equals(name, otherName);
        }
    }

    /** One face in successive frames. */
    public static final class Track {
        public final int number;
        public double[] box;
        public Decision decision; // null as long as none has prevailed
        public String name;
        public Double score;
        private final Deque<Answer> answers = new ArrayDeque<>();
        private int missed;

        Track(int number) {
            this.number = number;
        }

        void take(double[] newBox, Answer answer) {
            box = newBox;
            missed = 0;
            answers.addLast(answer);
            if (answers.size() > WINDOW) {
                answers.removeFirst();
            }
            Answer prevailing = prevailing();
            if (prevailing != null) {
                decision = prevailing.decision;
                name = prevailing.name;
            } else if (answers.size() == WINDOW && decision == null) {
                decision = Decision.NOT_SURE;
            }
            score = meanScore();
        }

        private Answer prevailing() {
            for (Answer one : answers) {
                int votes = 0;
                for (Answer other : answers) {
                    votes += other.agrees(one.decision, one.name) ? 1 : 0;
                }
                if (votes >= NEEDED) {
                    return one;
                }
            }
            return null;
        }

        private Double meanScore() {
            double sum = 0;
            int count = 0;
            for (Answer one : answers) {
                if (one.agrees(decision, name) && one.score != null) {
                    sum += one.score;
                    count++;
                }
            }
            return count == 0 ? null : (Double) (sum / count);
        }
    }

    private List<Track> tracks = new ArrayList<>();
    private int last;

    /** Takes the faces of the next frame; gives the track of each box. */
    public List<Track> update(List<double[]> boxes, List<Answer> answers) {
        Track[] owners = owners(boxes);
        for (Track track : tracks) {
            track.missed++;
        }
        List<Track> shown = new ArrayList<>();
        for (int i = 0; i < boxes.size(); i++) {
            if (owners[i] == null) {
                owners[i] = new Track(++last);
                tracks.add(owners[i]);
            }
            owners[i].take(boxes.get(i), answers.get(i));
            shown.add(owners[i]);
        }
        List<Track> left = new ArrayList<>();
        for (Track track : tracks) {
            if (track.missed <= MOST_MISSED) {
                left.add(track);
            }
        }
        tracks = left;
        return shown;
    }

    private Track[] owners(List<double[]> boxes) {
        List<double[]> pairs = new ArrayList<>(); // overlap, track, box
        for (int track = 0; track < tracks.size(); track++) {
            for (int box = 0; box < boxes.size(); box++) {
                double shared = Boxes.overlap(tracks.get(track).box, boxes.get(box), false);
                if (shared >= LEAST_OVERLAP) {
                    pairs.add(new double[] {shared, track, box});
                }
            }
        }
        Collections.sort(pairs, new Comparator<double[]>() {
            @Override
            public int compare(double[] a, double[] b) {
                return Double.compare(b[0], a[0]);
            }
        });
        Track[] owners = new Track[boxes.size()];
        boolean[] taken = new boolean[tracks.size()];
        for (double[] pair : pairs) {
            int track = (int) pair[1];
            int box = (int) pair[2];
            if (!taken[track] && owners[box] == null) {
                owners[box] = tracks.get(track);
                taken[track] = true;
            }
        }
        return owners;
    }
}
