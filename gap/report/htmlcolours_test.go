package report_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"testing"
)

// WCAG 2.2 demands these contrasts in 1.4.3 and 1.4.11.
func TestHTMLContrast(t *testing.T) {
	css, err := os.ReadFile("../../internal/page/page.css")
	if err != nil {
		t.Fatal(err)
	}
	schemes := regexp.MustCompile(`(?s):root \{([^}]*--page.*?)\}`).FindAllSubmatch(css, -1)
	if len(schemes) != 2 {
		t.Fatalf("%d colour schemes", len(schemes))
	}
	for i, scheme := range schemes {
		colours := map[string]float64{}
		for _, m := range regexp.MustCompile(`--([a-z]+): #([0-9a-f]{6});`).FindAllSubmatch(scheme[1], -1) {
			colours[string(m[1])] = luminance(t, string(m[2]))
		}
		for _, ground := range []string{"page", "here", "soft"} {
			for name, least := range map[string]float64{
				"text": 4.5, "quiet": 4.5, "link": 4.5, "self": 4.5, "failed": 4.5, "remote": 3, "wire": 3, "line": 3,
				"teal": 3, "blue": 3, "magenta": 3, "yellow": 3, "dark": 3, "red": 3,
			} {
				a, b := colours[name], colours[ground]
				if contrast := (max(a, b) + 0.05) / (min(a, b) + 0.05); contrast < least {
					t.Errorf("scheme %d: %s on %s has a contrast of %.2f, want %v", i, name, ground, contrast, least)
				}
			}
		}
	}
}

// Causes that are drawn with the same height must differ for the colour-blind. The matrices are
// those of Machado, Oliveira and Fernandes (2009) for protanopia, deuteranopia and tritanopia.
func TestColoursOfCausesDiffer(t *testing.T) {
	css, err := os.ReadFile("../../internal/page/page.css")
	if err != nil {
		t.Fatal(err)
	}
	matrices := map[string][9]float64{
		"normal":       {1, 0, 0, 0, 1, 0, 0, 0, 1},
		"protanopia":   {0.152, 1.053, -0.205, 0.115, 0.786, 0.099, -0.004, -0.048, 1.052},
		"deuteranopia": {0.367, 0.861, -0.228, 0.280, 0.673, 0.047, -0.012, 0.043, 0.969},
		"tritanopia":   {1.256, -0.077, -0.179, -0.078, 0.931, 0.148, 0.005, 0.691, 0.304},
	}
	heights := [][]string{
		{"self", "teal", "blue", "magenta"},
		{"yellow", "dark", "red"},
		{"red", "blue"},
		{"teal", "magenta", "yellow", "dark"},
	}
	for i, scheme := range regexp.MustCompile(`(?s):root \{([^}]*--page.*?)\}`).FindAllSubmatch(css, -1) {
		for vision, matrix := range matrices {
			colours := map[string][3]float64{}
			for _, m := range regexp.MustCompile(`--([a-z]+): #([0-9a-f]{6});`).FindAllSubmatch(scheme[1], -1) {
				colours[string(m[1])] = lab(t, string(m[2]), matrix)
			}
			for _, names := range heights {
				for j, a := range names {
					for _, b := range names[:j] {
						p, q := colours[a], colours[b]
						if d := math.Hypot(math.Hypot(p[0]-q[0], p[1]-q[1]), p[2]-q[2]); d < 12 {
							t.Errorf("scheme %d, %s: %s and %s differ by %.0f, want 12", i, vision, a, b, d)
						}
					}
				}
			}
		}
	}
}

// lab returns a colour in CIELAB, as seen through a matrix.
func lab(t *testing.T, hex string, matrix [9]float64) [3]float64 {
	r, g, b := channels(t, hex)
	seen := func(i int) float64 { return min(max(matrix[i]*r+matrix[i+1]*g+matrix[i+2]*b, 0), 1) }
	r, g, b = seen(0), seen(3), seen(6)
	f := func(v float64) float64 {
		if v > 0.008856 {
			return math.Cbrt(v)
		}
		return 7.787*v + 16.0/116
	}
	x := f((0.4124*r + 0.3576*g + 0.1805*b) / 0.9505)
	y, z := f(0.2126*r+0.7152*g+0.0722*b), f((0.0193*r+0.1192*g+0.9505*b)/1.089)
	return [3]float64{116*y - 16, 500 * (x - y), 200 * (y - z)}
}

func luminance(t *testing.T, hex string) float64 {
	r, g, b := channels(t, hex)
	return 0.2126*r + 0.7152*g + 0.0722*b
}

// channels returns the linear red, green and blue of a colour.
func channels(t *testing.T, hex string) (r, g, b float64) {
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	linear := func(c uint64) float64 {
		v := float64(c&0xff) / 255
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return linear(n >> 16), linear(n >> 8), linear(n)
}
