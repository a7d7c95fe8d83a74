/* Loads the library again and again, and lets it go each time: what it leaves doesn't grow, and
 * threads that have used it may end afterwards.
 *
 * loader shared LIBRARY, or loader static PLUGIN: a plugin that holds the static library goes for
 * good each time, so that one only has to leave threads alone. */
#define _GNU_SOURCE
#include "treenail.h"

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 100
#define WARM_UP 10

static void fail(const char *what) {
    const char *reason = dlerror();
    fprintf(stderr, "loader: not %s (%s)\n", what, reason ? reason : "");
    _exit(1);
}
#define CHECK(condition)                     \
    do {                                     \
        if (!(condition)) fail(#condition);  \
    } while (0)

/* A function of the library that is loaded now, under its own name. */
#define FIND(function)                              \
    __typeof__(function) *find_##function;          \
    *(void **)&find_##function = dlsym(library, #function); \
    CHECK(find_##function)

/* A failure with its text, a wait, a descriptor, a message. */
static void use(void *library) {
    FIND(tn_last_error);
    FIND(tn_listener_open);
    FIND(tn_listener_accept);
    FIND(tn_listener_free);
    FIND(tn_channel_connect_start);
    FIND(tn_channel_flush);
    FIND(tn_channel_send);
    FIND(tn_channel_recv);
    FIND(tn_channel_fd);
    FIND(tn_channel_free);
    tn_listener *listener = NULL;
    tn_channel *client = NULL, *server = NULL;
    char endpoint[64], byte;
    size_t len = 0;
    int fd = -1;
    snprintf(endpoint, sizeof endpoint, "shm:loaded-%ld", (long)gettid());
    CHECK(find_tn_channel_connect_start(endpoint, &client) == TN_NOT_FOUND);
    CHECK(strstr(find_tn_last_error(), endpoint));
    CHECK(find_tn_listener_open(endpoint, &listener) == TN_OK);
    CHECK(find_tn_channel_connect_start(endpoint, &client) == TN_OK);
    while (!server) {
        find_tn_channel_flush(client, TN_NOWAIT);
        find_tn_listener_accept(listener, TN_NOWAIT, &server);
    }
    CHECK(find_tn_channel_fd(server, &fd) == TN_OK );
    CHECK(find_tn_channel_recv(server, &byte, 1, 1, &len) == TN_TIMED_OUT);
    CHECK(find_tn_channel_send(client, "x", 1, 1000) == TN_OK);
    CHECK(find_tn_channel_recv(server, &byte, 1, 1000, &len) == TN_OK && byte == 'x');
    find_tn_channel_free(client);
    find_tn_channel_free(server);
    find_tn_listener_free(listener);
}

typedef struct guest {
    void *library;
    sem_t used, gone;
} guest;

static void *visit(void *library) {
    use(library);
    return NULL;
}

/* Whoever has used it is gone before it is. */
static void load_for_a_visit(const char *path) {
    pthread_t thread;
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CHECK(library);
    CHECK(pthread_create(&thread, NULL, visit, library) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(dlclose(library) == 0);
}

/* A thread that outlives the library. */
static void *stay(void *argument) {
    guest *own = (guest *)argument;
    use(own->library);
    sem_post(&own->used);
    while (sem_wait(&own->gone) != 0) continue;
    return NULL;
}

static void load_for_one_who_stays(const char *path) {
    guest guest;
    pthread_t thread;
    guest.library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    CHECK(guest.library);
    CHECK(sem_init(&guest.used, 0, 0) == 0 && sem_init(&guest.gone, 0, 0) == 0);
    CHECK(pthread_create(&thread, NULL, stay, &guest) == 0);
    while (sem_wait(&guest.used) != 0) continue;
    CHECK(dlclose(guest.library) == 0);
    sem_post(&guest.gone);
    CHECK(pthread_join(thread, NULL) == 0);
}

static int descriptors(void) {
    int found = 0;
    DIR *directory = opendir("/proc/self/fd");
    CHECK(directory != NULL);
    while (readdir(directory)) found++;
    closedir(directory);
    return found;
}

/* Mappings, but for the stacks and arenas of threads. */
static int mappings(void) {
    char line[512];
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps)) found += strchr(line, '/') != NULL;
    fclose(maps);
    return found;
}

int main(int argc, char **argv) {
    CHECK(argc == 3);
    int descriptors_before = 0, mappings_before = 0;
    alarm(120);
    for (int i = 0; i < ROUNDS; i++) {
        if (i == WARM_UP) {
            descriptors_before = descriptors();
            mappings_before = mappings();
        }
        load_for_a_visit(argv[2]);
        load_for_one_who_stays(argv[2]);
    }
    if (strcmp(argv[1], "static") == 0) {
        CHECK(dlopen(argv[2], RTLD_NOW | RTLD_NOLOAD) == NULL);
        return 0;
    }
    CHECK(descriptors() == descriptors_before);
    CHECK(mappings() == mappings_before);
    return 0;
}
