package store

// InstanceID returns the id of this database among all, which is the fresh one where it has none yet. A restored copy has the same.
func (t *Tx) InstanceID(fresh string) (id string, err error) {
	if err := t.exec(`INSERT INTO instance (name, value) VALUES ('id', ?) ON CONFLICT (name) DO NOTHING`, fresh); err != nil {
		return "", err
	}
	err = t.get(&id, `SELECT value FROM instance WHERE name = 'id'`)
	return id, err
}
