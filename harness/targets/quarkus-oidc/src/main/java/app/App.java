package app;

import io.quarkus.oidc.IdToken;
import io.quarkus.security.Authenticated;
import jakarta.inject.Inject;
import jakarta.ws.rs.GET;
import jakarta.ws.rs.Path;
import jakarta.ws.rs.Produces;
import jakarta.ws.rs.core.MediaType;
import jakarta.ws.rs.core.Response;
import java.net.URI;
import org.eclipse.microprofile.jwt.JsonWebToken;

/** Sign in with Quarkus OIDC, in the steps of its guide for the authorization code flow. */
@Path("/")
public class App {
    @Inject
    @IdToken
    JsonWebToken idToken;

    @GET
    @Produces(MediaType.TEXT_HTML)
    public String index() {
        return "<a href=\"/login\">Log in</a>";
    }

    @GET
    @Path("login")
    @Authenticated
    public Response login() {
        return Response.seeOther(URI.create("/profile")).build();
    }

    @GET
    @Path("profile")
    @Authenticated
    @Produces(MediaType.TEXT_PLAIN)
    public String profile() {
        return idToken.getClaim("email");
    }
}
