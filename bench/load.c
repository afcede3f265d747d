/* The load generator of the rig: closed loop, keep-alive, one request at a time on each connection.
 *
 *     load -p PORT -r FILE [-c CONNECTIONS] [-t TOKENS] [-w SECONDS] [-s SECONDS] [-n REQUESTS]
 *          [-g MILLISECONDS] [-k KEYS] [-l PERCENT -a MILLISECONDS]
 *
 * FILE holds one whole HTTP request. In it, "################" becomes a number that is never used
 * again, so that no two prompts are alike, and "@@@@@@@@@@@@@@@@" that number modulo KEYS, so that
 * many callers can be played.
 *
 * It runs -w seconds unmeasured, prints "measuring", runs -s seconds (or -n requests), prints one
 * line of JSON, and lets what is under way end in peace, so that nobody's leaving disturbs the
 * next run.
 * -g opens the connections evenly over that time; -l and -a: so many percent of the requests are
 * given up so many milliseconds after they were sent.
 *
 * An answer counts when its status is 200, it ends properly, and it holds exactly TOKENS times '~'
 * (see engine.c). Everything else is an error, and the first one is quoted.
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

enum { EVENTS = 512, READ = 256 * 1024, HEAD = 8192, DRAIN_MS = 3000, DIGITS = 16, QUOTE = 300 };

/* Where in an answer a connection is. */
enum part { IDLE, HEADERS, BODY, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER, COMPLETE };

/* One connection and the request it is busy with. */
struct caller {
    int fd;
    char *request;
    size_t sent;
    int64_t asked, first, give_up; /* microseconds; 0 for not yet, or never */
    enum part part;
    char head[HEAD + 1]; /* the headers, while they come in */
    size_t have;
    int status;
    size_t remaining; /* of the body or of this chunk */
    int tokens;
    int blank; /* the trailer's line is empty so far */
};

struct samples {
    uint32_t *values;
    size_t count, room;
};

static struct {
    int port, connections, tokens, keys, leave, leave_ms, ramp_ms;
    long requests;
    double warm, seconds;
    const char *file;
} option = {.connections = 1, .keys = 1, .tokens = -1};

static char *template;
static size_t template_size;
static char *serial_at, *key_at;

static struct caller *callers;
static int poller, opened, open_now;
static int64_t start, ramp_from;
static long serial, asked;
static int asking = 1; /* new requests may begin */

static long done, tokens, bytes, errors, given_up, reconnects;
static char fault[QUOTE + 100];
static struct samples to_first, to_end;

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* ------------------------------------------------------------------ figures */

static void sample(struct samples *s, int64_t value)
{
    if (s->count == s->room) {
        s->room = s->room ? s->room * 2 : 65536;
        s->values = realloc(s->values, s->room * sizeof *s->values);
    }
    s->values[s->count++] = value;
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void print_samples(const char *name, struct samples *s)
{
    static const int centiles[] = {50, 95, 99};
    qsort(s->values, s->count, sizeof *s->values, ascending);
    printf(",\"%s\":{\"count\":%zu", name, s->count);
    for (int i = 0; i < 3; i++) {
        size_t at = s->count ? (s->count - 1) * centiles[i] / 100 : 0;
        printf(",\"p%d\":%u", centiles[i], s->count ? s->values[at] : 0);
    }
    printf("}");
}

static void forget(void)
{
    done = tokens = bytes = errors = given_up = reconnects = 0;
    to_first.count = to_end.count = 0;
}

static void report(double seconds)
{
    printf("{\"seconds\":%.6f,\"requests\":%ld,\"tokens\":%ld,\"bytes\":%ld", seconds, done, tokens,
           bytes);
    printf(",\"open\":%d,\"given_up\":%ld,\"reconnects\":%ld", open_now, given_up, reconnects);
    printf(",\"errors\":%ld,\"fault\":\"", errors);
    for (const char *t = fault; *t; t++) {
        if (*t == '"' || *t == '\\')
            putchar('\\');
        putchar(*t < ' ' ? ' ' : *t);
    }
    printf("\"");
    print_samples("first_us", &to_first);
    print_samples("whole_us", &to_end);
    printf("}\n");
    fflush(stdout);
}

/* ------------------------------------------------------------------ a connection */

static void hang_up(struct caller *c)
{
    if (c->fd >= 0)
        close(c->fd);
    if (c->part != IDLE)
        open_now--;
    c->fd = -1;
    c->part = IDLE;
}

static void dial(struct caller *c)
{
    struct sockaddr_in to = {AF_INET, htons(option.port), {htonl(INADDR_LOOPBACK)}, {0}};
    struct epoll_event e = {EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, {.ptr = c}};
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to))
        die("load: cannot connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e);
}

static void note_fault(struct caller *c, const char *what, const char *text, size_t size)
{
    if (!errors++)
        snprintf(fault, sizeof fault, "%s (status %d, %d tokens): %.*s", what, c->status, c->tokens,
                 (int)(size < QUOTE ? size : QUOTE), size < QUOTE ? text : text + size - QUOTE);
}

/* Where to push the request on, and where to find out that nobody reads any more. */
static void send_more(struct caller *c)
{
    while (c->sent < template_size) {
        ssize_t n = send(c->fd, c->request + c->sent, template_size - c->sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0)
            return; /* full: epoll calls again; closed: reading tells */
        c->sent += n;
    }
}

static void write_number(char *at, long number)
{
    for (int i = DIGITS - 1; i >= 0; i--, number /= 10)
        at[i] = '0' + number % 10;
}

static void ask(struct caller *c)
{
    serial++;
    asked++;
    if (serial_at)
        write_number(c->request + (serial_at - template), serial);
    if (key_at)
        write_number(c->request + (key_at - template), serial % option.keys);
    c->part = HEADERS;
    c->sent = c->have = c->tokens = c->status = c->first = 0;
    c->asked = now_us();
    c->give_up = serial % 100 < option.leave ? c->asked + option.leave_ms * 1000LL : 0;
    open_now++;
    send_more(c);
}

/* The next request, on a new connection if the old one is gone. */
static void go_on(struct caller *c)
{
    if (!asking || (option.requests && asked >= option.requests)) {
        hang_up(c);
        return;
    }
    if (c->fd < 0) {
        reconnects++;
        dial(c);
    }
    ask(c);
}

static void finish(struct caller *c)
{
    open_now--;
    c->part = IDLE;
    if (c->status != 200 || (option.tokens >= 0 && c->tokens != option.tokens)) {
        note_fault(c, "wrong answer", c->head, c->have);
    } else {
        done++;
        sample(&to_end, now_us() - c->asked);
    }
    if (strcasestr(c->head, "\r\nconnection: close"))
        hang_up(c);
    go_on(c);
}

static void fail(struct caller *c, const char *what)
{
    note_fault(c, what, c->head, c->have);
    hang_up(c);
    go_on(c);
}

static void give_up(struct caller *c)
{
    given_up++;
    hang_up(c);
    go_on(c);
}

/* ------------------------------------------------------------------ an answer */

static int count_tokens(const char *text, size_t size)
{
    int n = 0;
    for (size_t i = 0; i < size; i++)
        n += text[i] == '~';
    return n;
}

static void take_body(struct caller *c, const char *text, size_t size)
{
    int n = count_tokens(text, size);
    if (!c->first) {
        c->first = now_us();
        sample(&to_first, c->first - c->asked);
    }
    if (c->status != 200 && c->have < HEAD) { /* kept, to be quoted */
        size_t room = HEAD - c->have, take = size < room ? size : room;
        memcpy(c->head + c->have, text, take);
        c->have += take;
    }
    c->tokens += n;
    tokens += n;
}

static void read_headers(struct caller *c)
{
    const char *length = strcasestr(c->head, "\r\ncontent-length:");
    c->status = c->have > 12 ? atoi(c->head + 9) : 0;
    if (strcasestr(c->head, "\r\ntransfer-encoding: chunked")) {
        c->part = CHUNK_SIZE;
        c->remaining = 0;
    } else {
        c->remaining = length ? strtoul(length + 17, NULL, 10) : 0;
        c->part = c->remaining ? BODY : COMPLETE;
    }
}

/* Collects the headers; how much of `text` was theirs. */
static size_t take_headers(struct caller *c, const char *text, size_t size)
{
    size_t before = c->have, room = HEAD - before, take = size < room ? size : room;
    memcpy(c->head + before, text, take);
    c->head[before + take] = 0;
    char *end = strstr(before < 3 ? c->head : c->head + before - 3, "\r\n\r\n");
    if (!end) {
        c->have += take;
        return take;
    }
    c->have = end + 4 - c->head;
    c->head[c->have] = 0;
    read_headers(c);
    return c->have - before;
}

static int hex(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit |= ' ';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* Takes one piece of what was read and says how long it was. */
static size_t take(struct caller *c, const char *text, size_t size)
{
    size_t n;
    switch (c->part) {
    case HEADERS:
        return take_headers(c, text, size);
    case BODY:
    case CHUNK:
        n = size < c->remaining ? size : c->remaining;
        take_body(c, text, n);
        c->remaining -= n;
        if (!c->remaining)
            c->part = c->part == CHUNK ? CHUNK_END : COMPLETE;
        return n;
    case CHUNK_SIZE:
        if (hex(*text) >= 0)
            c->remaining = c->remaining * 16 + hex(*text);
        else if (*text == '\n')
            c->part = c->remaining ? CHUNK : TRAILER;
        c->blank = 1;
        return 1;
    case CHUNK_END:
        if (*text == '\n')
            c->part = CHUNK_SIZE;
        return 1;
    case TRAILER:
        if (*text == '\n' && c->blank)
            c->part = COMPLETE;
        else
            c->blank = *text == '\n' || (*text == '\r' && c->blank);
        return 1;
    default:
        return size;
    }
}

static void receive(struct caller *c)
{
    static char text[READ];
    for (;;) {
        ssize_t n = recv(c->fd, text, READ, MSG_DONTWAIT);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            if (c->part == IDLE)
                hang_up(c);
            else
                fail(c, "broken off");
            return;
        }
        bytes += n;
        size_t used = 0;
        while (used < (size_t)n && c->part != COMPLETE)
            used += take(c, text + used, n - used);
        if (c->part == COMPLETE) {
            finish(c);
            return;
        }
        if (n < READ)
            return;
    }
}

/* ------------------------------------------------------------------ time */

static void open_due(int64_t now)
{
    int64_t due = option.connections;
    if (option.ramp_ms)
        due = (now - ramp_from) * option.connections / (option.ramp_ms * 1000LL) + 1;
    while (opened < option.connections && opened < due) {
        struct caller *c = &callers[opened++];
        dial(c);
        ask(c);
    }
}

static void give_up_due(int64_t now)
{
    for (int i = 0; i < opened; i++)
        if (callers[i].part != IDLE && callers[i].give_up && callers[i].give_up <= now)
            give_up(&callers[i]);
}

/* Run until `until`, or until nothing is open any more. */
static void run(int64_t until)
{
    struct epoll_event events[EVENTS];
    int busy = option.leave || option.ramp_ms;
    for (int64_t now = now_us(); now < until; now = now_us()) {
        int64_t left = (until - now) / 1000 + 1;
        open_due(now);
        if (option.leave)
            give_up_due(now);
        if (!open_now)
            return;
        int n = epoll_wait(poller, events, EVENTS, busy ? 1 : left > 1000 ? 1000 : left);
        for (int i = 0; i < n; i++) {
            struct caller *c = events[i].data.ptr;
            if (c->fd < 0)
                continue;
            if (c->sent < template_size)
                send_more(c);
            if (events[i].events & ~EPOLLOUT)
                receive(c);
        }
    }
}

/* ------------------------------------------------------------------ setting up */

static void read_template(void)
{
    FILE *f = fopen(option.file, "rb");
    if (!f)
        die(option.file);
    fseek(f, 0, SEEK_END);
    template_size = ftell(f);
    rewind(f);
    template = malloc(template_size);
    if (fread(template, 1, template_size, f) != template_size)
        die(option.file);
    fclose(f);
    serial_at = memmem(template, template_size, "################", DIGITS);
    key_at = memmem(template, template_size, "@@@@@@@@@@@@@@@@", DIGITS);
}

static void make_callers(void)
{
    callers = calloc(option.connections, sizeof *callers);
    for (int i = 0; i < option.connections; i++) {
        callers[i].fd = -1;
        callers[i].request = malloc(template_size);
        memcpy(callers[i].request, template, template_size);
    }
}

static int read_options(int argc, char **argv)
{
    int letter;
    while ((letter = getopt(argc, argv, "p:r:c:t:w:s:n:g:k:l:a:")) != -1) {
        switch (letter) {
        case 'p': option.port = atoi(optarg); break;
        case 'r': option.file = optarg; break;
        case 'c': option.connections = atoi(optarg); break;
        case 't': option.tokens = atoi(optarg); break;
        case 'w': option.warm = atof(optarg); break;
        case 's': option.seconds = atof(optarg); break;
        case 'n': option.requests = atol(optarg); break;
        case 'g': option.ramp_ms = atoi(optarg); break;
        case 'k': option.keys = atoi(optarg); break;
        case 'l': option.leave = atoi(optarg); break;
        case 'a': option.leave_ms = atoi(optarg); break;
        default: return 0;
        }
    }
    return option.port && option.file && (option.seconds > 0 || option.requests);
}

int main(int argc, char **argv)
{
    if (!read_options(argc, argv)) {
        fputs("usage: load -p PORT -r FILE and -s SECONDS or -n REQUESTS; see load.c\n", stderr);
        return 2;
    }
    read_template();
    make_callers();
    poller = epoll_create1(0);
    serial = ramp_from = now_us(); /* beyond any number of an earlier run */
    open_due(ramp_from);
    if (option.warm > 0)
        run(ramp_from + option.warm * 1e6);
    forget();
    puts("measuring");
    fflush(stdout);
    start = now_us();
    run(option.requests ? INT64_MAX : start + (int64_t)(option.seconds * 1e6));
    report((now_us() - start) / 1e6);
    asking = 0;
    run(now_us() + DRAIN_MS * 1000LL);
    return errors > 0;
}
