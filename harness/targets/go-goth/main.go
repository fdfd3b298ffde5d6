// Sign in with goth, in the steps of its README and its example: gothic keeps a login's state in a
// session of gorilla/sessions, and the provider `openid-connect` reads discovery, the ID token and
// userinfo. The app's own sessions are in memory.
package main

import (
	"crypto/rand"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"sync"

	"github.com/gorilla/sessions"
	"github.com/markbates/goth"
	"github.com/markbates/goth/gothic"
	"github.com/markbates/goth/providers/openidConnect"
)

var users sync.Map

const name = "openid-connect"

func main() {
	store := sessions.NewCookieStore([]byte(os.Getenv("SESSION_SECRET")))
	store.MaxAge(86400 * 30)
	store.Options.Path = "/"
	store.Options.HttpOnly = true
	store.Options.Secure = false
	gothic.Store = store
	gothic.GetProviderName = func(*http.Request) (string, error) { return name, nil }

	provider, err := openidConnect.New(
		os.Getenv("OIDC_CLIENT_ID"),
		os.Getenv("OIDC_CLIENT_SECRET"),
		os.Getenv("APP_URL")+"/callback",
		os.Getenv("OIDC_ISSUER")+"/.well-known/openid-configuration",
		"profile", "email",
	)
	if err != nil {
		log.Fatal(err)
	}
	goth.UseProviders(provider)

	http.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte(`<a href="/login">Log in</a>`))
	})

	http.HandleFunc("/login", gothic.BeginAuthHandler)

	http.HandleFunc("/callback", func(w http.ResponseWriter, r *http.Request) {
		user, err := gothic.CompleteUserAuth(w, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		id := rand.Text()
		users.Store(id, user.RawData)
		http.SetCookie(w, &http.Cookie{
			Name: "session", Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
		http.Redirect(w, r, "/profile", http.StatusFound)
	})

	http.HandleFunc("/profile", func(w http.ResponseWriter, r *http.Request) {
		if session, err := r.Cookie("session"); err == nil {
			if user, ok := users.Load(session.Value); ok {
				w.Header().Set("Content-Type", "application/json")
				json.NewEncoder(w).Encode(user)
				return
			}
		}
		http.Redirect(w, r, "/", http.StatusFound)
	})

	http.HandleFunc("/logout", func(w http.ResponseWriter, r *http.Request) {
		if session, err := r.Cookie("session"); err == nil {
			users.Delete(session.Value)
		}
		http.SetCookie(w, &http.Cookie{Name: "session", Path: "/", MaxAge: -1})
		gothic.Logout(w, r)
		http.Redirect(w, r, "/", http.StatusFound)
	})

	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Getenv("PORT"), nil))
}
