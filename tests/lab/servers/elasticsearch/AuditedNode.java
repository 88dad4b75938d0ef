import java.util.function.UnaryOperator;
import org.codelibs.elasticsearch.runner.ElasticsearchClusterRunner;
import org.elasticsearch.client.node.NodeClient;
import org.elasticsearch.common.util.concurrent.ThreadContext;
import org.elasticsearch.plugins.ActionPlugin;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.rest.RestChannel;
import org.elasticsearch.rest.RestHandler;
import org.elasticsearch.rest.RestRequest;

/** One real node without any authentication, which writes down what it executes: AuditedNode ADDRESSES PORT FOLDER AUDIT_FILE. */
public final class AuditedNode {
  /** Wraps every REST handler of the node. */
  public static final class AuditPlugin extends Plugin implements ActionPlugin {
    @Override
    public UnaryOperator<RestHandler> getRestHandlerWrapper(ThreadContext context) {
      return AuditedHandler::new;
    }
  }

  private static final class AuditedHandler implements RestHandler {
    private final RestHandler handler;

    AuditedHandler(RestHandler handler) {
      this.handler = handler;
    }

    @Override
    public void handleRequest(RestRequest request, RestChannel channel, NodeClient client) throws Exception {
      Audit.executed(request.getHttpChannel().getRemoteAddress(), request.method().name(), request.uri(), request.getHeaders());
      handler.handleRequest(request, channel, client);
    }

    @Override
    public boolean canTripCircuitBreaker() {
      return handler.canTripCircuitBreaker();
    }

    @Override
    public boolean supportsContentStream() {
      return handler.supportsContentStream();
    }

    @Override
    public boolean allowsUnsafeBuffers() {
      return handler.allowsUnsafeBuffers();
    }

    @Override
    public boolean allowSystemIndexAccessByDefault() {
      return handler.allowSystemIndexAccessByDefault();
    }
  }

  public static void main(String[] arguments) throws Exception {
    Audit.open(arguments[3]);
    ElasticsearchClusterRunner runner = new ElasticsearchClusterRunner();
    runner
        .onBuild(
            (number, settings) -> {
              settings.putList("http.host", arguments[0].split(","));
              settings.put("http.port", arguments[1]);
              settings.put("transport.host", "127.0.0.1");
            })
        .build(ElasticsearchClusterRunner.newConfigs().basePath(arguments[2]).numOfNode(1).clusterName("lab").pluginTypes(AuditPlugin.class.getName()));
    runner.ensureYellow();
    System.out.println("ready");
    Thread.currentThread().join();
  }
}
