/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/vfs.h>

#include "cleanup.h"
#include "names.h"

enum { FILE_MAX = 1 << 20 };

char *file_read(int dir, const char *name)
{
    _cleanup_(closep) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct stat st;
    char *text;
    ssize_t n;

    if (fd < 0 || fstat(fd, &st) < 0)
        return NULL;
    if (!S_ISREG(st.st_mode)) {
        errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
        return NULL;
    }
    if (st.st_size > FILE_MAX) {
        errno = EFBIG;
        return NULL;
    }
    text = malloc((size_t)st.st_size + 1);
    n = text ? read(fd, text, (size_t)st.st_size) : -1;
    if (n < 0) {
        free(text);
        return NULL;
    }
    text[n] = '\0';
    return text;
}

static int write_whole(int dir, const char *name, const char *text)
{
    _cleanup_(closep) int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    size_t length = strlen(text);

    if (fd < 0)
        return -1;
    if (write(fd, text, length) != (ssize_t)length)
        return -1;
    return fsync(fd);
}

int file_replace(int dir, const char *name, const char *text, struct err *err)
{
    char new[64];

    snprintf(new, sizeof new, "%s.new", name);
    if (write_whole(dir, new, text) < 0 || renameat(dir, new, dir, name) < 0) {
        err_errno(err, "cannot write %s", name);
        unlinkat(dir, new, 0);
        return -1;
    }
    return dir_sync(dir, err);
}

#define GFS2_MAGIC 0x01161970 /* not in linux/magic.h */

bool file_is_local(const char *path)
{
    static const unsigned long others[] = { NFS_SUPER_MAGIC, SMB_SUPER_MAGIC, CIFS_SUPER_MAGIC, SMB2_SUPER_MAGIC,
                                            FUSE_SUPER_MAGIC, CEPH_SUPER_MAGIC, AFS_SUPER_MAGIC, AFS_FS_MAGIC,
                                            V9FS_MAGIC, CODA_SUPER_MAGIC, OCFS2_SUPER_MAGIC, GFS2_MAGIC };
    struct statfs fs;

    if (statfs(path, &fs) < 0)
        return false;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (((unsigned long)fs.f_type & 0xffffffff) == (others[i] & 0xffffffff))
            return false;
    return true;
}

int file_remove(int dir, const char *name, struct err *err)
{
    return unlinkat(dir, name, 0) < 0 && errno != ENOENT ? err_errno(err, "cannot remove %s", name) : 0;
}

int dir_open(int dir, const char *name)
{
    return openat(dir, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

int dir_each(int dir, const char *name, void (*visit)(void *data, const char *name), void *data)
{
    int fd = dir_open(dir, name), failed;
    DIR *stream = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *child;

    if (!stream && fd >= 0)
        close(fd);
    if (!stream)
        return -1;
    while (errno = 0, (child = readdir(stream)))
        if (strcmp(child->d_name, ".") != 0 && strcmp(child->d_name, "..") != 0)
            visit(data, child->d_name);
    failed = errno;
    closedir(stream);
    errno = failed;
    return failed ? -1 : 0;
}

int dir_sync(int dir, struct err *err)
{
    return fsync(dir) < 0 ? err_errno(err, "cannot make a directory durable") : 0;
}

int dir_make(int dir, const char *name, struct err *err)
{
    int fd;

    if (mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
        return err_errno(err, "cannot make the directory %s", name);
    fd = dir_open(dir, name);
    return fd < 0 ? err_errno(err, "cannot open the directory %s", name) : fd;
}

static int sync_directory_of(const char *path, struct err *err)
{
    char parent[PATH_SIZE];
    _cleanup_(closep) int fd = -1;

    snprintf(parent, sizeof parent, "%.*s/", (int)(strrchr(path, '/') - path), path);
    fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? err_errno(err, "cannot open the directory of a file") : dir_sync(fd, err);
}

int file_claim(const char *path, const char *like, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    struct stat st;

    if (fd < 0)
        return errno == EEXIST ? err_set(err, ERR_EXISTS, "the file exists already and is not overwritten")
                               : err_errno(err, "cannot make the file");
    /* QEMU may run as another user (device_model_user) */
    if (like && (stat(like, &st) < 0 || fchown(fd, st.st_uid, st.st_gid) < 0 || fchmod(fd, st.st_mode & 0777) < 0))
        err_errno(err, "cannot give the file the owner of the image below it");
    else if (sync_directory_of(path, err) == 0)
        return fd;
    unlink(path);
    close(fd);
    return -1;
}

int file_sync(const char *path, struct err *err)
{
    _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd < 0 || fsync(fd) < 0 ? err_errno(err, "cannot make an image durable") : 0;
}

int file_look(const char *path, struct stat *st, struct err *err)
{
    if (stat(path, st) == 0)
        return 1;
    /* QEMU's names of what is no file are like none, or too long for one */
    return errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG ? 0 : err_errno(err, "cannot look at %s", path);
}

bool same_file(const char *a, const char *b)
{
    struct stat x, y;

    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}
