package interop_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
)

// TestPagesAccessibility checks the accessibility tree, from which screen readers read.
func TestPagesAccessibility(t *testing.T) {
	all := newTraces(t, "realistic", 120, 40)
	minimum := map[string]struct{ tables, rowHeaders, listItems int }{
		"report":    {2, 20, 3 * 40},
		"index":     {3, 1, 0},
		"list":      {3, 3, 0},
		"trace":     {2, 20, 40},
		"no traces": {0, 0, 0},
	}
	url, ctx := serveSite(t, all), newBrowser(t)
	for _, width := range []int64{390, 1440} { // narrow pages draw tables as cards, which must stay tables
		do(t, ctx, chromedp.EmulateViewport(width, 900))
		for name, path := range pagePaths(all) {
			do(t, ctx, chromedp.Navigate(url+path))
			roles := accessibleRoles(t, ctx, fmt.Sprintf("%s, %d px", name, width))
			want := minimum[name]
			if roles["table"] != want.tables || roles["rowheader"] < want.rowHeaders ||
				roles["listitem"] < want.listItems || roles["image"] < want.listItems ||
				roles["row"] < roles["rowheader"] || roles["main"] != 1 {
				t.Errorf("%s, %d px: %v, want 1 main, %d tables, %d row headers, %d list items and images, or more",
					name, width, roles, want.tables, want.rowHeaders, want.listItems)
			}
			if n := evaluate[int](t, ctx, `document.querySelectorAll("h1").length`); n != 1 {
				t.Errorf("%s has %d headings of level 1, want 1", name, n)
			}
			overlap := evaluate[int](t, ctx, `
				[...document.querySelectorAll(".cards td")].filter(e => e.scrollWidth > e.clientWidth + 1).length`)
			if overlap > 0 {
				t.Errorf("%s, %d px: the text of %d cells is wider than the cell", name, width, overlap)
			}
		}
	}
}

// accessibleRoles counts the roles of a page, and checks that elements have a name if their role
// needs one.
func accessibleRoles(t *testing.T, ctx context.Context, page string) map[string]int {
	t.Helper()
	roles := map[string]int{}
	for _, n := range call(t, ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{}).Nodes {
		if n.Ignored || n.Role == nil {
			continue
		}
		role, name := axText(n.Role), axText(n.Name)
		roles[role]++
		switch role {
		case "table", "columnheader", "rowheader", "image", "link", "heading", "navigation", "region":
			if strings.TrimSpace(name) == "" {
				t.Errorf("%s: a %s without a name", page, role)
			}
		}
	}
	return roles
}

func axText(v *accessibility.Value) string {
	if v == nil {
		return ""
	}
	s, _ := strconv.Unquote(string(v.Value))
	return s
}
