/* `serve`: the model behind HTTP, as SageMaker hosts it, with libevent. One thread answers everybody: a prediction is a
 * few multiplications. Nothing of a request's body goes into the log. */

#define _GNU_SOURCE /* strcasestr */

#include "algorithm.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MOST_BODY_BYTES = 6 * 1024 * 1024, SECONDS_FOR_A_REQUEST = 60 };

static struct model model;

static void answer(struct evhttp_request *request, int status, const char *type, const char *text) {
    struct evbuffer *body = evbuffer_new();
    evbuffer_add(body, text, strlen(text));
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", type);
    if (status >= 400)
        fprintf(stderr, "%s: %d\n", evhttp_uri_get_path(evhttp_request_get_evhttp_uri(request)), status);
    evhttp_send_reply(request, status, NULL, body);
    evbuffer_free(body);
}

static void refuse(struct evhttp_request *request, int status, const char *why) {
    answer(request, status, "text/plain; charset=utf-8", why);
}

/* Whether a header names this media type; parameters and weights are not looked at. */
static bool names(const char *header, const char *type) {
    return header != NULL && strcasestr(header, type) != NULL;
}

static const char *read_json(struct rows *instances, const char *body, size_t length) {
    json_t *document = json_loadb(body, length, 0, NULL);
    const json_t *list = json_is_object(document) ? json_object_get(document, "instances") : document;
    const char *wrong = "the body is no JSON {\"instances\": [...]}";
    if (json_is_array(list))
        wrong = add_instances(instances, list);
    json_decref(document);
    return wrong;
}

/* The predictions for all instances; the caller frees the text. */
static char *predictions(const struct rows *instances, bool is_csv) {
    char *text = NULL;
    size_t length;
    FILE *stream = open_memstream(&text, &length);
    if (stream == NULL)
        return NULL;
    fputs(is_csv ? "" : "{\"predictions\": [", stream);
    for (size_t i = 0; i < instances->count; i++) {
        const char *between = is_csv ? "\n" : ", ";
        double value = predict(&model, instances->values + i * instances->columns);
        fprintf(stream, "%s%.10g", i == 0 ? "" : between, value);
    }
    fputs(is_csv ? "" : "]}", stream);
    return fclose(stream) == 0 ? text : NULL;
}

static void invocations(struct evhttp_request *request, void *unused) {
    (void)unused;
    if (evhttp_request_get_command(request) != EVHTTP_REQ_POST) {
        evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "POST");
        return refuse(request, 405, "send a POST\n");
    }
    struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    const char *type = evhttp_find_header(headers, "Content-Type"), *accept = evhttp_find_header(headers, "Accept");
    bool takes_any = accept == NULL || *accept == '\0' || names(accept, "*/*") || names(accept, "application/*");
    bool takes_json = takes_any || names(accept, "application/json");
    if (!takes_json && !names(accept, "text/csv") && !names(accept, "text/*"))
        return refuse(request, 406, "accept application/json or text/csv\n");
    if (type != NULL && !names(type, "application/json") && !names(type, "text/csv"))
        return refuse(request, 415, "send application/json or text/csv\n");

    struct evbuffer *buffer = evhttp_request_get_input_buffer(request);
    size_t length = evbuffer_get_length(buffer);
    char *body = malloc(length + 1);
    if (body == NULL)
        return refuse(request, 503, "there is not enough memory\n");
    evbuffer_remove(buffer, body, length);
    body[length] = '\0';
    struct rows instances = {0};
    const char *wrong = length == 0               ? "the body is empty"
                        : strlen(body) != length  ? "the body is no text"
                        : names(type, "text/csv") ? add_csv(&instances, body)
                                                  : read_json(&instances, body, length);
    free(body);
    if (wrong == NULL && instances.count == 0)
        wrong = "there is no instance in the body";
    if (wrong == NULL && instances.columns != model.columns - 1)
        wrong = "an instance has another number of values than the model has features";
    char *text = wrong == NULL ? predictions(&instances, !takes_json) : NULL;
    free_rows(&instances);
    if (wrong != NULL)
        refuse(request, 400, wrong);
    else if (text == NULL)
        refuse(request, 503, "there is not enough memory\n");
    else
        answer(request, 200, takes_json ? "application/json" : "text/csv", text);
    free(text);
}

static void ping(struct evhttp_request *request, void *unused) {
    (void)unused;
    answer(request, 200, "text/plain; charset=utf-8", "");
}

static void execution_parameters(struct evhttp_request *request, void *unused) {
    (void)unused;
    answer(request, 200, "application/json",
           "{\"MaxConcurrentTransforms\": 1, \"BatchStrategy\": \"MULTI_RECORD\", \"MaxPayloadInMB\": 6}");
}

static void nothing(struct evhttp_request *request, void *unused) {
    (void)unused;
    refuse(request, 404, "there is nothing here\n");
}

struct server {
    struct event_base *loop;
    struct evhttp *http;
    struct evhttp_bound_socket *socket;
};

/* SIGTERM: no new connections, and a second for the requests that are under way. */
static void leave(evutil_socket_t number, short what, void *argument) {
    (void)number, (void)what;
    struct server *server = argument;
    static const struct timeval a_second = {1, 0};
    if (server->socket != NULL)
        evhttp_del_accept_socket(server->http, server->socket);
    server->socket = NULL;
    event_base_loopexit(server->loop, &a_second);
}

int serve(void) {
    const char *wrong = read_model(&model, below_opt_ml("model/model.csv"));
    if (wrong != NULL) {
        fprintf(stderr, "the model %s cannot be loaded: %s\n", below_opt_ml("model/model.csv"), wrong);
        return 1;
    }
    signal(SIGPIPE, SIG_IGN);
    const char *variable = getenv("SAGEMAKER_BIND_TO_PORT");
    int port = variable == NULL ? 8080 : atoi(variable);
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_ANY)};
    struct server server = {.loop = event_base_new()};
    server.http = evhttp_new(server.loop);
    unsigned flags = LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_FREE;
    struct evconnlistener *listener = evconnlistener_new_bind(
        server.loop, NULL, NULL, flags, 1024, (struct sockaddr *)&address, sizeof address);
    if (port <= 0 || port > 65535 || listener == NULL) {
        fprintf(stderr, "port %d cannot be listened on\n", port);
        return 1;
    }
    server.socket = evhttp_bind_listener(server.http, listener);
    evhttp_set_max_body_size(server.http, MOST_BODY_BYTES);
    evhttp_set_timeout(server.http, SECONDS_FOR_A_REQUEST);
    evhttp_set_cb(server.http, "/ping", ping, NULL);
    evhttp_set_cb(server.http, "/invocations", invocations, NULL);
    evhttp_set_cb(server.http, "/execution-parameters", execution_parameters, NULL);
    evhttp_set_gencb(server.http, nothing, NULL);
    event_add(evsignal_new(server.loop, SIGTERM, leave, &server), NULL);
    event_add(evsignal_new(server.loop, SIGINT, leave, &server), NULL);
    printf("serving on port %d\n", port);
    event_base_dispatch(server.loop);
    return 0;
}
