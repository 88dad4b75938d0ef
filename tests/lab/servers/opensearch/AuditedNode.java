import java.util.function.UnaryOperator;
import org.codelibs.opensearch.runner.OpenSearchRunner;
import org.opensearch.client.node.NodeClient;
import org.opensearch.common.util.concurrent.ThreadContext;
import org.opensearch.plugins.ActionPlugin;
import org.opensearch.plugins.Plugin;
import org.opensearch.rest.RestChannel;
import org.opensearch.rest.RestHandler;
import org.opensearch.rest.RestRequest;

/** One real node without any authentication, which writes down what it executes: AuditedNode ADDRESSES PORT FOLDER AUDIT_FILE. */
public final class AuditedNode {
  /** Wraps every REST handler of the node. */
  public static final class AuditPlugin extends Plugin implements ActionPlugin {
    @Override
    public UnaryOperator<RestHandler> getRestHandlerWrapper(ThreadContext context) {
      return AuditedHandler::new;
    }
  }

  private static final class AuditedHandler extends RestHandler.Wrapper {
    AuditedHandler(RestHandler handler) {
      super(handler);
    }

    @Override
    public void handleRequest(RestRequest request, RestChannel channel, NodeClient client) throws Exception {
      Audit.executed(request.getHttpChannel().getRemoteAddress(), request.method().name(), request.uri(), request.getHeaders());
      super.handleRequest(request, channel, client);
    }
  }

  public static void main(String[] arguments) throws Exception {
    Audit.open(arguments[3]);
    OpenSearchRunner runner = new OpenSearchRunner();
    runner
        .onBuild(
            (number, settings) -> {
              settings.putList("http.host", arguments[0].split(","));
              settings.put("http.port", arguments[1]);
              settings.put("transport.host", "127.0.0.1");
            })
        .build(OpenSearchRunner.newConfigs().basePath(arguments[2]).numOfNode(1).clusterName("lab").pluginTypes(AuditPlugin.class.getName()));
    runner.ensureYellow();
    System.out.println("ready");
    Thread.currentThread().join();
  }
}
