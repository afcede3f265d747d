/* The engine of the rig: it speaks Ollama's native wire and OpenAI's, and never thinks.
 *
 *     engine PORT MODEL...
 *
 * How it answers is said by the model's name, so that a request needs no other switch:
 *
 *     fake:LINESxBYTES             LINES tokens of BYTES bytes, each in a write of its own, as
 *                                  fast as the socket takes them
 *     fake:LINESxBYTES-together    all of them in one write
 *     fake:LINESxBYTES-PAUSEms     the first at once, the others PAUSE milliseconds apart
 *
 * Every token ends in '~' and nothing else holds one: whoever counts them knows that none was lost.
 * An answer is rendered once, then only copied; one thread, one epoll, edge-triggered.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FDS = 65536, MAX_SCRIPTS = 256, EVENTS = 512, READ = 16 * 1024, NEAR = 2048 };

enum wire { OLLAMA, OPENAI };

/* A rendered answer, and where each of its writes ends. */
struct script {
    char name[64];
    enum wire wire;
    int stream;
    int pause;
    char *bytes;
    size_t *ends;
    int writes;
};

struct peer {
    int fd;
    char *in; /* the request so far */
    size_t have, room;
    const struct script *script; /* the answer under way, if any */
    size_t sent;
    int write;
    int blocked; /* the socket is full */
    int64_t due; /* when the next write may go, in milliseconds */
};

static struct peer *peers[MAX_FDS];
static int highest;
static int poller;
static struct script scripts[MAX_SCRIPTS];
static int script_count;
static char **models;
static int model_count;
static long accepted, answered, left;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* ------------------------------------------------------------------ what it says */

#define CREATED "\"created_at\":\"2026-01-01T00:00:00.000000000Z\""
#define COUNTS                                                                                     \
    "\"total_duration\":7709220,\"load_duration\":1627328,\"prompt_eval_count\":10,"               \
    "\"prompt_eval_duration\":611000,\"eval_count\":%d,\"eval_duration\":2662000"
#define OLLAMA_OPENING                                                                             \
    "{\"model\":\"%s\"," CREATED ",\"message\":{\"role\":\"assistant\",\"content\":\""
#define OPENAI_OPENING                                                                             \
    "{\"id\":\"chatcmpl-123456789012\",\"object\":\"chat.completion%s\",\"created\":1767225600,"   \
    "\"model\":\"%s\",\"choices\":[{\"index\":0,"

/* No token is like the one before: some gateways take that for a model gone astray. */
static void token(FILE *out, int bytes, int line)
{
    static const char words[] = " and so it went on";
    for (int i = 0; i < bytes - 1; i++)
        putc(words[(line + i) % (sizeof words - 1)], out);
    putc('~', out);
}

static void render_line(FILE *out, const struct script *s, int bytes, int line)
{
    if (s->wire == OLLAMA) {
        fprintf(out, OLLAMA_OPENING, s->name);
        token(out, bytes, line);
        fprintf(out, "\"},\"done\":false}\n");
    } else {
        fprintf(out, "data: " OPENAI_OPENING "\"delta\":{%s\"content\":\"", ".chunk", s->name,
                line == 0 ? "\"role\":\"assistant\"," : "");
        token(out, bytes, line);
        fprintf(out, "\"},\"finish_reason\":null}]}\n\n");
    }
}

static void render_last(FILE *out, const struct script *s, int tokens)
{
    if (s->wire == OLLAMA)
        fprintf(out, OLLAMA_OPENING "\"},\"done\":true,\"done_reason\":\"stop\"," COUNTS "}\n",
                s->name, tokens);
    else
        fprintf(out, "data: " OPENAI_OPENING "\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
                "data: [DONE]\n\n", ".chunk", s->name);
}

static void render_plain(FILE *out, const struct script *s, int lines, int bytes)
{
    if (s->wire == OLLAMA)
        fprintf(out, OLLAMA_OPENING, s->name);
    else
        fprintf(out, OPENAI_OPENING "\"message\":{\"role\":\"assistant\",\"content\":\"", "",
                s->name);
    for (int i = 0; i < lines; i++)
        token(out, bytes, i);
    if (s->wire == OLLAMA)
        fprintf(out, "\"},\"done\":true,\"done_reason\":\"stop\"," COUNTS "}", lines);
    else
        fprintf(out, "\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":10,"
                "\"completion_tokens\":%d,\"total_tokens\":%d}}", lines, lines + 10);
}

/* ------------------------------------------------------------------ an answer, rendered once */

static void put_chunk(FILE *out, const char *text, size_t size)
{
    fprintf(out, "%zx\r\n", size);
    fwrite(text, 1, size, out);
    fprintf(out, "\r\n");
}

/* One HTTP chunk for each line, as Ollama flushes them. */
static void render_stream(FILE *out, struct script *s, int lines, int bytes, int together)
{
    s->ends = calloc(lines + 1, sizeof *s->ends);
    fprintf(out, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n",
            s->wire == OLLAMA ? "application/x-ndjson" : "text/event-stream");
    for (int i = 0; i <= lines; i++) {
        char *text;
        size_t size;
        FILE *line = open_memstream(&text, &size);
        if (i < lines)
            render_line(line, s, bytes, i);
        else
            render_last(line, s, lines);
        fclose(line);
        put_chunk(out, text, size);
        free(text);
        if (i == lines)
            fputs("0\r\n\r\n", out);
        if (together && i < lines)
            continue;
        fflush(out);
        s->ends[s->writes++] = ftell(out);
    }
}

static void render_whole(FILE *out, struct script *s, const char *status, const char *body)
{
    s->ends = calloc(1, sizeof *s->ends);
    fprintf(out, "HTTP/1.1 %s\r\nContent-Type: application/json; charset=utf-8\r\n"
            "Content-Length: %zu\r\n\r\n%s", status, strlen(body), body);
    fflush(out);
    s->ends[s->writes++] = ftell(out);
}

/* The script for a model's name. A name with a fault in it gets a 404, as an unknown model does. */
static void render(struct script *s)
{
    int lines = 0, bytes = 0;
    char *body, *pause = strchr(s->name, '-');
    size_t size;
    int known = sscanf(s->name, "fake:%dx%d", &lines, &bytes) == 2 && lines > 0 && bytes > 0;
    int together = pause && !strcmp(pause, "-together");
    FILE *out = open_memstream(&s->bytes, &size);
    s->pause = pause && !together ? atoi(pause + 1) : 0;
    if (known && s->stream) {
        render_stream(out, s, lines, bytes, together);
    } else {
        FILE *json = open_memstream(&body, &size);
        if (known)
            render_plain(json, s, lines, bytes);
        else
            fprintf(json, "{\"error\":\"model '%s' not found\"}", s->name);
        fclose(json);
        render_whole(out, s, known ? "200 OK" : "404 Not Found", body);
        free(body);
    }
    fclose(out);
}

static const struct script *script_for(const char *name, size_t length, enum wire wire, int stream)
{
    for (int i = 0; i < script_count; i++) {
        struct script *s = &scripts[i];
        int same = !strncmp(s->name, name, length) && !s->name[length];
        if (same && s->wire == wire && s->stream == stream)
            return s;
    }
    if (script_count == MAX_SCRIPTS)
        die("too many models");
    struct script *s = &scripts[script_count++];
    snprintf(s->name, sizeof s->name, "%.*s", (int)length, name);
    s->wire = wire;
    s->stream = stream;
    render(s);
    return s;
}

/* What is not a chat: rendered anew each time, nobody asks often; small enough for one write. */
static const struct script *document(const char *status, const char *body)
{
    static struct script s;
    size_t size;
    free(s.bytes);
    free(s.ends);
    s = (struct script){0};
    FILE *out = open_memstream(&s.bytes, &size);
    render_whole(out, &s, status, body);
    fclose(out);
    return &s;
}

static const struct script *model_list(enum wire wire)
{
    char *body;
    size_t size;
    FILE *out = open_memstream(&body, &size);
    fputs(wire == OLLAMA ? "{\"models\":[" : "{\"object\":\"list\",\"data\":[", out);
    for (int i = 0; i < model_count; i++)
        fprintf(out,
                wire == OLLAMA
                    ? "%s{\"name\":\"%s\",\"model\":\"%s\",\"size\":1,"
                      "\"modified_at\":\"2026-01-01T00:00:00Z\",\"digest\":\"\","
                      "\"details\":{\"family\":\"llama\"},"
                      "\"capabilities\":[\"completion\",\"vision\"]}"
                    : "%s{\"id\":\"%s\",\"object\":\"model\",\"created\":0,\"owned_by\":\"%s\"}",
                i ? "," : "", models[i], wire == OLLAMA ? models[i] : "rig");
    fputs("]}", out);
    fclose(out);
    const struct script *s = document("200 OK", body);
    free(body);
    return s;
}

/* ------------------------------------------------------------------ what it is asked */

static const char *find(const char *in, size_t size, const char *what)
{
    return memmem(in, size, what, strlen(what));
}

/* The two things that matter stand near the start or the end of a body, also of a 5 MB one. */
static const char *find_near(const char *body, size_t size, const char *what)
{
    size_t near = size < NEAR ? size : NEAR;
    const char *at = find(body, near, what);
    return at ? at : find(body + size - near, near, what);
}

static int wants_stream(const char *body, size_t size, int otherwise)
{
    const char *at = find_near(body, size, "\"stream\":");
    if (!at)
        return otherwise;
    at += strlen("\"stream\":");
    return at[at[0] == ' '] == 't';
}

static const struct script *chat(const char *body, size_t size, enum wire wire)
{
    const char *name = find_near(body, size, "fake:");
    if (!name)
        return document("404 Not Found", "{\"error\":\"model not found\"}");
    return script_for(name, strcspn(name, "\""), wire, wants_stream(body, size, wire == OLLAMA));
}

static const struct script *counts(void)
{
    char body[128];
    snprintf(body, sizeof body, "{\"accepted\":%ld,\"answered\":%ld,\"left\":%ld}", accepted,
             answered, left);
    return document("200 OK", body);
}

static int is(const char *in, const char *opening)
{
    return !strncmp(in, opening, strlen(opening));
}

static const struct script *answer(const char *in, const char *body, size_t size)
{
    if (is(in, "POST /api/chat "))
        return chat(body, size, OLLAMA);
    if (is(in, "POST /v1/chat/completions "))
        return chat(body, size, OPENAI);
    if (is(in, "GET /api/tags "))
        return model_list(OLLAMA);
    if (is(in, "GET /v1/models "))
        return model_list(OPENAI);
    if (is(in, "GET /api/ps "))
        return document("200 OK", "{\"models\":[]}");
    if (is(in, "GET /api/version "))
        return document("200 OK", "{\"version\":\"0.33.0\"}");
    if (is(in, "POST /api/show "))
        return document("200 OK", "{\"details\":{\"family\":\"llama\"},"
                        "\"capabilities\":[\"completion\",\"vision\"],"
                        "\"model_info\":{\"llama.context_length\":8192}}");
    if (is(in, "GET /counts "))
        return counts();
    return document("404 Not Found", "{\"error\":\"not found\"}");
}

/* ------------------------------------------------------------------ a connection */

static void leave(struct peer *p)
{
    left += p->script != NULL;
    peers[p->fd] = NULL;
    close(p->fd);
    free(p->in);
    free(p);
}

/* The next write of an answer. False when the peer is gone. */
static int send_next(struct peer *p)
{
    const struct script *s = p->script;
    ssize_t n = send(p->fd, s->bytes + p->sent, s->ends[p->write] - p->sent, MSG_NOSIGNAL);
    if (n < 0) {
        p->blocked = errno == EAGAIN;
        return p->blocked;
    }
    p->sent += n;
    if (p->sent == s->ends[p->write]) {
        p->write++;
        p->due += s->pause;
    }
    if (p->write == s->writes) {
        p->script = NULL;
        answered++;
    }
    return 1;
}

/* The size of the request that begins at `in`, or 0 while it is not all here. */
static size_t request_size(const char *in, size_t have, const char **body)
{
    const char *end = find(in, have, "\r\n\r\n");
    if (!end)
        return 0;
    *body = end + 4;
    size_t head = *body - in, length = 0;
    for (const char *line = in; line < end; line = strstr(line, "\r\n") + 2)
        if (!strncasecmp(line, "content-length:", 15))
            length = strtoul(line + 15, NULL, 10);
    return have >= head + length ? head + length : 0;
}

static int begin(struct peer *p)
{
    const char *body;
    p->in[p->have] = 0;
    size_t size = request_size(p->in, p->have, &body);
    if (!size)
        return 1;
    p->script = answer(p->in, body, p->in + size - body);
    p->sent = p->write = p->blocked = 0;
    p->due = now_ms();
    p->have -= size;
    memmove(p->in, p->in + size, p->have);
    return send_next(p);
}

/* Read until the socket is empty, as an edge-triggered epoll wants it. */
static int receive(struct peer *p)
{
    for (;;) {
        if (p->room - p->have < READ / 2) {
            p->room = p->room ? p->room * 2 : READ;
            p->in = realloc(p->in, p->room + 1);
        }
        size_t room = p->room - p->have;
        ssize_t n = recv(p->fd, p->in + p->have, room, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN))
            return 0;
        if (n > 0)
            p->have += n;
        if (n < (ssize_t)room)
            return 1;
    }
}

static void serve(struct peer *p, uint32_t events)
{
    int alive = 1;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
        alive = receive(p) && !(events & EPOLLRDHUP);
    if (events & EPOLLOUT)
        p->blocked = 0;
    if (alive && !p->script && p->have)
        alive = begin(p);
    if (!alive)
        leave(p);
}

static void accept_all(int listener)
{
    int fd, one = 1;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct peer *p = calloc(1, sizeof *p);
        struct epoll_event e = {EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, {.ptr = p}};
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        p->fd = fd;
        peers[fd] = p;
        if (fd > highest)
            highest = fd;
        accepted++;
        epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
    }
}

/* One write for everyone who is due, as a decoding step brings one token to each sequence of a
 * batch. Returns the milliseconds until somebody is due again, -1 for never. */
static int step(void)
{
    int64_t now = now_ms(), next = INT64_MAX;
    for (int fd = 0; fd <= highest; fd++) {
        struct peer *p = peers[fd];
        if (!p || !p->script || p->blocked)
            continue;
        if (p->due <= now && !send_next(p))
            leave(p);
        else if (p->script && !p->blocked && p->due < next)
            next = p->due;
    }
    return next == INT64_MAX ? -1 : next > now ? next - now : 0;
}

static int listen_on(int port)
{
    struct sockaddr_in at = {AF_INET, htons(port), {htonl(INADDR_LOOPBACK)}, {0}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;
    struct epoll_event e = {EPOLLIN, {.ptr = NULL}};
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 4096))
        die("engine: cannot listen");
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e);
    return fd;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    if (argc < 3) {
        fputs("usage: engine PORT MODEL...\n", stderr);
        return 2;
    }
    models = argv + 2;
    model_count = argc - 2;
    poller = epoll_create1(0);
    int listener = listen_on(atoi(argv[1]));
    for (;;) {
        int n = epoll_wait(poller, events, EVENTS, step());
        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr)
                serve(events[i].data.ptr, events[i].events);
            else
                accept_all(listener);
        }
    }
}
