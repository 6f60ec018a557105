package verify

// manifests lists the manifest of a claim about dependencies, then the lock files that may stand beside it.
func (k *claim) manifests() []string {
	if p := k.params.String("manifest"); p != "" {
		return []string{p}
	}
	return nil
}
