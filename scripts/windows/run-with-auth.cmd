@echo off
rem Starts LlamaGate so that callers need a key: the one in API_KEY, here or in .env, else the example key.
setlocal
if defined API_KEY goto run
findstr /b "API_KEY=" .env "%~dp0..\..\.env" >nul 2>nul
if not errorlevel 1 goto run
set API_KEY=sk-llamagate
echo The key is sk-llamagate, good for this machine only. For one of your own: set API_KEY=...

:run
call "%~dp0run.cmd" %*
exit /b %errorlevel%
