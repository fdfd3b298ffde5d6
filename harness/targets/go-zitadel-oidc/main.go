// Sign in with zitadel/oidc, in the steps of its example app: the library's handlers do the
// redirect, the exchange and userinfo. Sessions are in memory.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"sync"

	"github.com/zitadel/oidc/v3/pkg/client/rp"
	httphelper "github.com/zitadel/oidc/v3/pkg/http"
	"github.com/zitadel/oidc/v3/pkg/oidc"
)

var sessions sync.Map

func main() {
	key := []byte(os.Getenv("COOKIE_KEY"))[:16]
	cookies := httphelper.NewCookieHandler(key, key, httphelper.WithUnsecure())
	provider, err := rp.NewRelyingPartyOIDC(
		context.Background(),
		os.Getenv("OIDC_ISSUER"),
		os.Getenv("OIDC_CLIENT_ID"),
		os.Getenv("OIDC_CLIENT_SECRET"),
		os.Getenv("APP_URL")+"/callback",
		[]string{oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail},
		rp.WithCookieHandler(cookies),
		rp.WithPKCE(cookies),
		rp.WithSigningAlgsFromDiscovery(),
	)
	if err != nil {
		log.Fatal(err)
	}

	signedIn := func(
		w http.ResponseWriter, r *http.Request, tokens *oidc.Tokens[*oidc.IDTokenClaims],
		state string, rp rp.RelyingParty, info *oidc.UserInfo,
	) {
		id := rand.Text()
		sessions.Store(id, info)
		http.SetCookie(w, &http.Cookie{
			Name: "session", Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
		http.Redirect(w, r, "/profile", http.StatusFound)
	}

	http.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte(`<a href="/login">Log in</a>`))
	})
	http.Handle("/login", rp.AuthURLHandler(rand.Text, provider))
	http.Handle("/callback", rp.CodeExchangeHandler(rp.UserinfoCallback(signedIn), provider))

	http.HandleFunc("/profile", func(w http.ResponseWriter, r *http.Request) {
		if session, err := r.Cookie("session"); err == nil {
			if info, ok := sessions.Load(session.Value); ok {
				w.Header().Set("Content-Type", "application/json")
				json.NewEncoder(w).Encode(info)
				return
			}
		}
		http.Redirect(w, r, "/", http.StatusFound)
	})

	http.HandleFunc("/logout", func(w http.ResponseWriter, r *http.Request) {
		if session, err := r.Cookie("session"); err == nil {
			sessions.Delete(session.Value)
		}
		http.SetCookie(w, &http.Cookie{Name: "session", Path: "/", MaxAge: -1})
		http.Redirect(w, r, "/", http.StatusFound)
	})

	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
