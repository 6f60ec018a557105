package judge

// Samples are the codes that a calibration asks about, each with whether it does what is claimed.
func Samples() map[string]bool {
	out := map[string]bool{}
	for _, s := range samples {
		out[s.code] = s.holds
	}
	return out
}

// Draw returns the codes of one draw.
func Draw() ([]string, error) {
	chosen, err := draw()
	var out []string
	for _, s := range chosen {
		out = append(out, s.code)
	}
	return out, err
}
