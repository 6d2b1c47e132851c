package tfsphereface.core.gallery;

import java.util.ArrayList;
import java.util.List;

/** People in memory. */
final class MemoryStore implements Gallery.Store {
    private final List<Gallery.Person> people = new ArrayList<>();

    @Override
    public List<Gallery.Person> people() {
        return new ArrayList<>(people);
    }

    @Override
    public void add(List<Gallery.Person> additions) {
        for (Gallery.Person addition : additions) {
            find(addition.name).templates.addAll(addition.templates);
        }
    }

    private Gallery.Person find(String name) {
        for (Gallery.Person person : people) {
            if (Gallery.key(person.name).equals(Gallery.key(name))) {
                return person;
            }
        }
        people.add(new Gallery.Person(name));
        return people.get(people.size() - 1);
    }

    @Override
    public void forget(String name, Gallery.Template only) {
        Gallery.Person person = find(name);
        person.templates.remove(only);
        if (only == null || person.templates.isEmpty()) {
            people.remove(person);
        }
    }

    @Override
    public void rename(String name, String to) {
        Gallery.Person renamed = new Gallery.Person(to);
        renamed.templates.addAll(find(name).templates);
        people.set(people.indexOf(find(name)), renamed);
    }
}
